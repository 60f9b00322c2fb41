"""For the tests of services that enqueue: Facelift in memory, with outcomes by script.

plugin         what pytest loads: the fixtures `facelift_jobs` and `facelift_endpoint`
jobs           what `facelift_jobs` is; also a context manager of its own
├── clients    every `UploadClient` on the ledger in memory
├── workers    in place of workers: one try at a job, as it was scripted
├── script     which outcome is the next try's
│   └── outcome  what may be scripted, and what it means
├── ledger     the real ledger on a fake Redis, under a clock that can be moved
└── matching   which jobs match, and what is said if none does

Installed with the extra `testkit`. Nothing is imported here: pytest loads this
package wherever Facelift is installed, be it used or not.
"""
