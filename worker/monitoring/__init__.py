"""What a worker shows of itself and of the pool: metrics for Prometheus, and its health.

All of it runs in the supervisor, which serves one port for all of its processes:
`processes.py` gathers what they counted with `worker/metrics.py`, `collectors.py` asks
Redis at each scrape, `health.py` judges, `server.py` speaks HTTP.
"""
