"""From SMILES to graphs: notation, atoms and bonds, features, scaffolds, data sets of molecules."""
