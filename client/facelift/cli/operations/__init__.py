"""Commands for the pool."""
