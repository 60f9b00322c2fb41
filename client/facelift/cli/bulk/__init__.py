"""Commands for many jobs at once."""
