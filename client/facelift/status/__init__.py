"""The state of the pool, of its workers and of the ledger's Redis: values to read."""
