"""Facelift in memory, for the tests of services that enqueue; a test scripts the outcomes.

plugin         the fixture `facelift_jobs`
└── jobs       `FaceliftJobs`, what the fixture gives; also a context manager of its own
    ├── ledger      the real ledger on a fake Redis, with a clock that can be moved
    │   └── faults      outages, lost answers and slowness of that Redis
    ├── workers     in place of workers: one attempt at a job, with a scripted outcome
    ├── outcome     which outcomes can be scripted, and which attempt has which
    └── matching    which jobs match, and what an assertion says if none does

It needs `fakeredis` and `pytest`, the extra `testing` of facelift-client.
"""
