"""What a cell is measured by once it is scanned: small tables, all that is kept of it for good.

A measure is a function of a :class:`~edgescope.study.measures.measured_cell.MeasuredCell` that
returns tables by their names; :mod:`~edgescope.study.measures.measure_names` lists them.
docs/study.md says what their columns are.
"""
