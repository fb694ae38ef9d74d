"""One file per layer class: which sites it has, and how to observe them."""
