"""For the tests of services that enqueue: Facelift in memory, with outcomes by script.

jobs           what the fixture `facelift_jobs` is; also a context manager of its own
├── clients    every `UploadClient` on the ledger in memory
├── workers    in place of workers: one try at a job, as it was scripted
├── script     which outcome is the next try's
│   └── outcome  what may be scripted, and what it means
├── ledger     the real ledger on a fake Redis, under a clock that can be moved
└── matching   which jobs match, and what is said if none does

What it needs comes with the extra `facelift.testing`. The fixtures are in `pytest_facelift.py`
beside this package.
"""
