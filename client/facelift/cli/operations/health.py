"""`facelift health`: check that this host's workers are consuming, for container probes."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import click

from facelift.cli.draw.console import print_json, say
from facelift.cli.draw.values import counted
from facelift.cli.exits import Exit
from facelift.cli.options import json_option
from facelift.client import UploadClient

if TYPE_CHECKING:
    from facelift.status.pool import PoolStatus


@click.command()
@click.option(
    "--host", default=socket.gethostname, metavar="NAME", help="The host.  [default: this one]"
)
@json_option
def health(host: str, *, as_json: bool) -> None:
    """Check that this host's workers are consuming.

    A worker is consuming if its last heartbeat is at most 20 s old, and if it then had
    polled Redis for a job within 20 s or had all its slots busy. Exits with 0 if all
    are; with 1 if one is not, or if there is none; with 5 if Redis cannot be reached.
    """
    with UploadClient.from_env() as client:
        workers, troubles = judge(client.pool(events=1), host)
    message = "; ".join(troubles) or f"{counted(workers, 'worker')} on {host}: consuming"
    if as_json:
        print_json(
            {"consuming": not troubles, "host": host, "workers": workers, "message": message}
        )
    else:
        say(message)
    sys.exit(Exit.ERROR if troubles else Exit.OK)


def judge(pool: PoolStatus, host: str) -> tuple[int, list[str]]:
    """The number of workers on `host`, and a sentence for each problem."""
    workers = [each for each in pool.workers if each.host == host]
    if not workers:
        return 0, [f"no worker on {host} has sent a heartbeat lately"]
    found = ((each.name, each.trouble(pool.at)) for each in workers)
    return len(workers), [f"{name}: {trouble}" for name, trouble in found if trouble]
