"""What runs inside Flower: it names the job behind each task, as the ledger knows it.

Flower hears of tasks by Celery's events, which carry the job id alone and may be lost. All
else is read from the ledger, by a Redis user that need not be able to write. Nothing here
holds an API key.
"""
