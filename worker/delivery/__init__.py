"""The delivery of one job, from its lease to its recorded outcome."""
