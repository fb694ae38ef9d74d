"""edgescope.data.chemistry."""
