"""What a ledger that grows costs: bytes of Redis, and the time of each step of a job."""
