"""edgescope.data.molecule_tables."""
