"""What is wrong with a table of molecules before a model is trained on it; a name against its card.

Each check is a function from a :class:`~edgescope.data.checks.table_findings.Subject` to findings:
``rows_and_parts``, ``duplicates``, ``label_classes`` and ``label_numbers``, ``molecule_kinds``.
``table_check`` joins them; ``grave_findings`` repeats the grave ones that need no second reading of
the table whenever a model is fitted; ``card_check`` compares a published data set with its card.
"""
