"""The data sets that are loaded by name, one file for each or for a few of one origin.

:mod:`~edgescope.data.sources.source` says what a data set is; each file here registers its own with
its card. ``planted_graphs`` is drawn rather than loaded.
"""
