"""What is wrong with a table of molecules before a model is trained on it.

One file per kind: rows, duplicates, labels (numbers and classes), molecules, parts. Each kind is a
function from a :class:`~edgescope.data.checks.table_findings.Subject` to findings; ``training`` repeats
the grave ones that need no second reading of the table whenever a model is fitted.
"""
