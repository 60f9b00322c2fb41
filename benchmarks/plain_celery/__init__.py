"""The faults of the chaos run on a plain Celery task, as one would write it first."""
