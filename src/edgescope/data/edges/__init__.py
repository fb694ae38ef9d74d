"""The edges of a data set: their two directions, and graphs with other, more or fewer edges."""
