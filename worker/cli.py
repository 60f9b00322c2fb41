"""`facelift worker`: worker processes with our defaults, kept running."""

from __future__ import annotations

import os
import sys

import click


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
def worker(processes: int, concurrency: int | None, log_level: str, *, show_settings: bool) -> None:
    """Deliver what is enqueued, until stopped.

    Settings come from the environment; the least is an API key and where images lie:

    \b
      FACELIFT_API_KEY_FILE=/run/secrets/chatbase \\
      FACELIFT_IMAGE_STORES=media=file:///srv/media facelift worker

    To scale, start more workers, here or on other machines, against the same Redis.
    SIGTERM or Ctrl-C finishes what is in flight; a second one hands it back at once.
    """  # noqa: D301 - click wants the escape, not the backslash
    # Heavy, and not needed for --help.
    from worker.logs import configure_logging  # noqa: PLC0415
    from worker.settings import catalogue, load  # noqa: PLC0415
    from worker.supervisor import Supervisor  # noqa: PLC0415

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
    command = (sys.executable, "-P", "-m", "worker", log_level)
    sys.exit(Supervisor(command, processes, settings.request_timeout + _PATIENCE).run())


# A process hands back what is left 5 s after a request's limit; then it is killed.
_PATIENCE = 15
