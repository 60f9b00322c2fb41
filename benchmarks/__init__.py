"""Facelift beside other queues, on the same job: `make bench` writes docs/performance.md.

`peers/` measures speed, `pacing/` behaviour under a rate limit and an outage, `growth/` a ledger
that grows; `report/` writes down what they measured. They look from outside: commands, clients,
and what arrives at an endpoint.
"""
