"""The cost of a growing ledger: bytes in Redis, and the time of each step of a job."""
