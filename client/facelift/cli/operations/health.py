"""`facelift health`: do the workers on this host consume? For containers' health checks."""

from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING

import click

from facelift.cli.exits import Exit
from facelift.client import UploadClient

if TYPE_CHECKING:
    from facelift.status.pool import PoolStatus


@click.command()
@click.option(
    "--host", default=socket.gethostname, metavar="NAME", help="Of which host.  [default: this]"
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def health(host: str, *, as_json: bool) -> None:
    """Check that this host's workers are consuming.

    They are if each told within the last 20 s that it had lately asked Redis for the
    next job, or that all its slots are busy. Then the exit code is 0. It is 1 if one
    of them does not, or if there is none, and 5 if Redis cannot be reached.
    """
    with UploadClient.from_env() as client:
        pool = client.pool(events=1)
    workers, troubles = judge(pool, host)
    if troubles:
        told = "; ".join(troubles)
    else:
        told = f"{workers} worker{'s' if workers > 1 else ''} on {host}: consuming"
    if as_json:
        click.echo(
            json.dumps({"consuming": not troubles, "host": host, "workers": workers, "told": told})
        )
    else:
        click.echo(told)
    sys.exit(Exit.ERROR if troubles else Exit.OK)


def judge(pool: PoolStatus, host: str) -> tuple[int, list[str]]:
    """How many workers there are on `host`, and a sentence for each reason for concern."""
    workers = [each for each in pool.workers if each.host == host]
    if not workers:
        return 0, [f"no worker on {host} was heard of lately"]
    found = ((each.name, each.trouble(pool.at)) for each in workers)
    return len(workers), [f"{name}: {trouble}" for name, trouble in found if trouble]
