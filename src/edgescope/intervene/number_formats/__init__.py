"""What a model's activations cost in number formats with fewer bits, and what restores it."""
