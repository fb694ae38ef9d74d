"""What a report's script needs to follow any threshold: counts, kept activations and drawings."""
