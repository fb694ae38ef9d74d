capture=None
