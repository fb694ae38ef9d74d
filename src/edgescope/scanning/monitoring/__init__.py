"""What is recorded of a model while it trains, and when massive activations emerge."""
