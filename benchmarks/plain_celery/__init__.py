"""The same chaos on a plain Celery task, as one would write it first: what does it cost?"""
