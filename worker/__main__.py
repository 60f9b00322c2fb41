"""`python -m worker`: one worker process, started and kept running by `facelift worker`."""

import os
import sys

from worker.monitoring.processes import count_for_supervisor

count_for_supervisor()

from worker.app import app, set_up_logging  # noqa: E402 - it makes metrics
from worker.runtime.supervisor import follow_parent  # noqa: E402 - with the other

set_up_logging(sys.argv[1].upper())  # Celery does so only after it has looked around
follow_parent().start()
app.worker_main(
    [
        "--quiet",
        "worker",
        f"--loglevel={sys.argv[1]}",
        f"--hostname=facelift-{os.getpid()}@%h",
        "--without-gossip",
        "--without-mingle",
    ]
)
