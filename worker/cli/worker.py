"""`facelift worker`: worker processes with our defaults, kept running."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.settings.model import Settings


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Worker processes; one a core is plenty.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 500),
    help="Jobs at once in each process.  [default: FACELIFT_CONCURRENCY, or 100]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option("--settings", "show_settings", is_flag=True, help="List the settings, and exit.")
@click.option("--json", "as_json", is_flag=True, help="With --settings: print them as JSON.")
def worker(
    processes: int,
    concurrency: int | None,
    log_level: str,
    *,
    show_settings: bool,
    as_json: bool,
) -> None:
    """Run worker processes until stopped.

    Settings come from the environment; the least is an API key and where images lie:

    \b
      FACELIFT_API_KEY_FILE=/run/secrets/chatbase \\
      FACELIFT_IMAGE_STORES=media=file:///srv/media facelift worker

    To scale, start more workers, here or on other machines, against the same Redis.
    SIGTERM or Ctrl-C finishes what is in flight; a second one hands it back at once.
    """  # noqa: D301 - click wants the escape, not the backslash
    # Heavy, and not needed for --help.
    from worker.monitoring.logs import configure_logging  # noqa: PLC0415
    from worker.settings.load import catalogue, load  # noqa: PLC0415

    if show_settings and as_json:
        click.echo(json.dumps([asdict(doc) for doc in catalogue()]))
        return
    if show_settings:
        for doc in catalogue():
            default = "" if doc.default is None else f" [{doc.default}]"
            click.echo(f"{doc.name}{default}\n    {doc.meaning}")
        return
    if concurrency:
        os.environ["FACELIFT_CONCURRENCY"] = str(concurrency)
    settings = load(os.environ)
    configure_logging(log_level.upper(), settings.log_format)
    # -P: a folder named `worker` or `tasks` where we are started is not ours.
    exit_code = _supervise(settings, (sys.executable, "-P", "-m", "worker", log_level), processes)
    # Python lets go of its handlers while it ends; a signal then would decide the exit code.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(exit_code)


def _supervise(settings: Settings, command: Sequence[str], processes: int) -> int:
    from worker.runtime.supervisor import Supervisor  # noqa: PLC0415 - as above

    patience = settings.request_timeout + _PATIENCE
    if settings.metrics_port is None:
        return Supervisor(command, processes, patience).run()

    from worker.monitoring.collectors import PoolCollector, SupervisorCollector  # noqa: PLC0415 - the same
    from worker.monitoring.health import HealthCheck  # noqa: PLC0415 - the same
    from worker.monitoring.processes import ProcessMetrics  # noqa: PLC0415 - the same
    from worker.monitoring.server import serving  # noqa: PLC0415 - the same

    with (
        connect(settings.redis_url.get_secret_value(), retries=0, patience=_PROBE) as redis,
        ProcessMetrics() as process_metrics,
    ):
        store = JobStore(redis, keys=Keys(settings.key_prefix))
        supervisor = Supervisor(
            command,
            processes,
            patience,
            environment=process_metrics.environment,
            on_end=process_metrics.ended,
        )
        collectors = (
            process_metrics,
            SupervisorCollector(
                lambda: supervisor.running,
                supervisor.wanted,
                lambda: supervisor.restarts,
                version("facelift-client"),
            ),
            PoolCollector(store.pool),
        )
        health = HealthCheck(store, socket.gethostname(), lambda: supervisor.running, processes)
        with serving(settings.metrics_host, settings.metrics_port, collectors, health):
            return supervisor.run()


# A process hands back what is left 5 s after a request's limit; then it is killed.
_PATIENCE = 15
_PROBE = 1.0  # seconds that a probe or a scrape waits for Redis
