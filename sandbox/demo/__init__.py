"""`facelift demo`: all of Facelift on one machine, with nothing to configure."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the jobs' records as a JSON array.")
def demo(*, as_json: bool) -> None:
    """See Facelift work, with nothing to configure.

    Starts a Redis, a worker and a sandbox of Chatbase's endpoint with some faults;
    enqueues good and bad images for made-up chatbots; shows each job until it has
    ended, and its outcome. Takes about 10 seconds; Ctrl-C stops it. Nothing leaves
    this machine, and no process or file remains.

    It needs a redis-server, and says how to get one. The exit code is 0 if every
    job ended as it should, else 1. With --json, stdout has the records alone:

    \b
        facelift demo --json | jq -r '.[] | [.image, .outcome, .message] | @tsv'
    """  # noqa: D301 - click wants the escape, not the backslash
    from sandbox.demo.run import run  # noqa: PLC0415 - heavy, and not needed for --help

    sys.exit(run(as_json=as_json))
