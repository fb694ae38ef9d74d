"""The sections of the report: a folder or a file each, found by being here."""
