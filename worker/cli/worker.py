"""`facelift worker`: worker processes with our defaults, kept running by a supervisor."""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version

import click

from facelift.cli.draw.console import print_json
from facelift.ledger.connection import connect
from facelift.ledger.keys import Keys
from facelift.ledger.store import JobStore
from worker.monitoring.collectors import PoolCollector, SupervisorCollector
from worker.monitoring.health import HealthCheck
from worker.monitoring.logs import configure_logging
from worker.monitoring.processes import ProcessMetrics, mark_processes, process_name
from worker.monitoring.server import serving
from worker.runtime.lost_processes import LostProcesses
from worker.runtime.supervisor import Ended, Supervisor
from worker.settings.load import catalogue, load
from worker.settings.model import Settings

# A process releases its last jobs 5 s after the time limit of a request; later it is killed.
_PATIENCE = 15
_REDIS_SECONDS = 1.0  # that a probe or a scrape waits for Redis


@click.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Worker processes; at most one a core.",
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

    Settings come from the environment. At least an API key and an image store are needed:

    \b
      FACELIFT_API_KEY_FILE=/run/secrets/chatbase \\
      FACELIFT_IMAGE_STORES=media=file:///srv/media facelift worker

    To scale, start more workers, here or on other machines, against the same Redis.
    SIGTERM or Ctrl-C lets running jobs end; a second one releases them at once.
    """  # noqa: D301 - click wants the escape, not the backslash
    if show_settings:
        _list_settings(as_json=as_json)
        return
    if concurrency:
        os.environ["FACELIFT_CONCURRENCY"] = str(concurrency)
    settings = load(os.environ)
    configure_logging(log_level.upper(), settings.log_format)
    # -P: a `tasks.py` or `worker/` in the current folder is somebody else's.
    exit_code = _supervise(settings, (sys.executable, "-P", "-m", "worker", log_level), processes)
    # While Python exits, its own handlers are gone, and a signal would decide the exit code.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(exit_code)


def _list_settings(*, as_json: bool) -> None:
    if as_json:
        print_json([asdict(doc) for doc in catalogue()])
        return
    for doc in catalogue():
        default = "" if doc.default is None else f" [{doc.default}]"
        click.echo(f"{doc.name}{default}\n    {doc.meaning}")


def _supervise(settings: Settings, command: Sequence[str], processes: int) -> int:
    mark_processes()
    patience = settings.request_timeout + _PATIENCE
    name_of = partial(process_name, socket.gethostname())
    url = settings.redis_url.get_secret_value()
    with connect(url, retries=0, patience=_REDIS_SECONDS) as redis:
        store = JobStore(redis, keys=Keys(settings.key_prefix))
        lost = LostProcesses(store.pool, name_of)
        lost.start()
        if settings.metrics_port is None:
            return Supervisor(command, processes, patience, on_end=lost.report).run()
        with ProcessMetrics() as process_metrics:

            def on_end(ended: Ended) -> None:
                process_metrics.ended(ended.place)
                lost.report(ended)

            supervisor = Supervisor(
                command,
                processes,
                patience,
                environment=process_metrics.environment,
                on_end=on_end,
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
            health = HealthCheck(store, name_of, lambda: supervisor.running, processes)
            with serving(settings.metrics_host, settings.metrics_port, collectors, health):
                return supervisor.run()
