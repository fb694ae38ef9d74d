"""Counting a batch of activations into the histograms of a sketch."""
