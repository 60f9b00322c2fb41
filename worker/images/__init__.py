"""Images: validate a file, fit one that would be refused, check local files."""
