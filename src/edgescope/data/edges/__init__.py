"""edgescope.data.edges."""
