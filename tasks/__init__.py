"""Celery and nothing else: the app, its two tasks, messages and transport."""
