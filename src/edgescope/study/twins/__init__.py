"""Experiments on the question why GAT gives the same output to nodes with the same neighbours."""
