"""Use of an account's rate limit, and the cost of an outage, as seen by the endpoint."""
