"""What a worker shows of itself and of the pool: metrics for Prometheus, its health, its log.

A worker process counts with `metrics.py`. The supervisor serves one port for all of its
processes: `processes.py` gathers what they counted, `collectors.py` asks Redis at each scrape,
`health.py` judges, `server.py` speaks HTTP. Both log with `logs.py`.
"""
