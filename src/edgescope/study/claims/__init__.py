"""The claims of the paper and of the article, and the rules by which tables decide them."""
