"""How the pool, its workers and the Redis of the ledger are doing: values to read."""
