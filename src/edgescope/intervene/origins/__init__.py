"""Where massive activations come from: parameters, earlier sites, factors; and what they carry."""
