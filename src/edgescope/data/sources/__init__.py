"""edgescope.data.sources."""
