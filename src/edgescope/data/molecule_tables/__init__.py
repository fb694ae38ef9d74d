"""From a table of one's own to molecules, in the order in which it is read.

``csv_text`` and ``table_grids`` give columns of a file or a data frame, ``column_choice`` takes
those that are asked for, ``smiles_cells``, ``cell_contents``, ``numerals``, ``column_cells`` and
``targets`` read their cells, ``molecule_table`` joins them, ``table_molecules`` makes molecules of
the rows, ``molecule_cache`` keeps these, and ``split_choice`` divides them.
"""
