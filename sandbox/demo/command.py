"""`facelift demo` as a command."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the jobs' records as a JSON array.")
def demo(*, as_json: bool) -> None:
    """See Facelift work, with nothing to configure.

    Starts a Redis, a worker and a stand-in for Chatbase that fails now and then
    on purpose; enqueues pictures, good and bad, for made-up chatbots; shows them
    on their way, and what became of each. Takes about 10 seconds; Ctrl-C stops
    it. Nothing leaves this machine and nothing of it stays, process or file.

    All it needs is a redis-server; it says how to get one. The exit code is 0
    if every job ended as it should, else 1. With --json the records alone go to
    stdout, and the rest to stderr:

    \b
        facelift demo --json | jq -r '.[] | [.image, .outcome, .message] | @tsv'
    """  # noqa: D301 - click wants the escape, not the backslash
    # Heavy, and not needed for --help.
    from sandbox.demo.run import run  # noqa: PLC0415

    sys.exit(run(as_json=as_json))
