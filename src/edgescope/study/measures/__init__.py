"""What a finished cell is measured by: small tables, all that is kept of it for good."""
