"""Runs inside Flower: shows the job behind each task, as the ledger knows it.

Celery's events carry the job id alone and may be lost. Everything else is read from the ledger, by
a Redis user that needs no write permission. Nothing here holds an API key.

app          the Celery app that Flower starts with; reads the environment
├── records  job records for Flower's pages, with a cache
├── rows     how a job looks in a task's row and page
│   └── healing  compares Flower's tasks with the ledger
└── access   the password of the two pages that Flower leaves open
"""
