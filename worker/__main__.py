"""`python -m worker`: one worker process, started and kept running by `facelift worker`."""

import sys

from facelift.ledger.broker import forget_celery_settings
from worker.monitoring.processes import count_for_supervisor

count_for_supervisor()
forget_celery_settings()

from tasks.app import app  # noqa: E402 - composed by the next import
from worker.app import name, set_up_logging  # noqa: E402 - makes metrics, so only after the above
from worker.runtime.supervisor import follow_parent  # noqa: E402 - as above

set_up_logging(sys.argv[1].upper())  # Celery would do so only after its first warnings
follow_parent().start()
app.worker_main(
    [
        "--quiet",
        "worker",
        f"--loglevel={sys.argv[1]}",
        f"--hostname=facelift@{name}",
        "--heartbeat-interval=20",
        "--without-gossip",
        "--without-mingle",
    ]
)
