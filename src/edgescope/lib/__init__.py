"""The lowest room: errors, files, optional imports, progress, calling a user's model."""
