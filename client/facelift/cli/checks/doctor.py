"""`facelift doctor`: check what deliveries need, and say what to do about the rest.

`facelift health` checks this host's workers alone, for container probes.
"""

import socket
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import entry_points
from itertools import chain

import click

from facelift.cli.checks.access import check_access
from facelift.cli.checks.findings import Finding, Verdict, fail, ok, skip, warn
from facelift.cli.checks.messages import check_messages
from facelift.cli.checks.pool import MINUTE, check_pool
from facelift.cli.checks.server import check_redis
from facelift.cli.draw.console import Paragraph, counted, print_json, say, show
from facelift.cli.exits import Exit
from facelift.cli.options import json_option
from facelift.client import UploadClient
from facelift.errors import InvalidSettings, LedgerRefused, LedgerUnavailable
from facelift.operations.settings import settings_from_env

_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check what deliveries need, and give advice.

    Everywhere: the settings, Redis (takes writes, version, persistence, eviction,
    memory, clock, types of keys, password and TLS), workers, queue, breaker, pauses,
    refused Celery messages and lists that no worker reads. Where a worker is installed
    and set up: its settings and keys, whether the endpoint can be reached (it connects,
    and sends nothing), and whether the image stores can be read.

    WARN works now, but may fail; FAIL loses jobs or delivers none; SKIP could not be
    checked here. Exits with 0 unless something FAILs; with 5 if that is Redis, else
    with 1. With --json it prints a list of objects.

    \b
    Examples:
      facelift doctor
      facelift doctor --json | jq -r '.[] | select(.verdict == "FAIL") | .message'
    """  # noqa: D301 - click wants the escape, not the backslash
    findings = []
    for finding in chain(_of_client(), _of_others()):
        findings.append(finding)
        if not as_json:
            _show(finding)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        counts = Counter(finding.verdict for finding in findings)
        show("", ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
    failed = [finding.check for finding in findings if finding.verdict is Verdict.FAIL]
    if "Redis" in failed:
        sys.exit(Exit.NO_REDIS)
    sys.exit(Exit.ERROR if failed else Exit.OK)


@click.command()
@click.option(
    "--host", default=socket.gethostname, metavar="NAME", help="The host.  [default: this one]"
)
@json_option
def health(host: str, *, as_json: bool) -> None:
    """Check that this host's workers are consuming.

    A worker is consuming if its last heartbeat is at most 20 s old, and if it then had
    polled Redis for a job within 20 s or had all its slots busy. If all slots stay busy
    while no job ends, for 30 s more than a request may take, it is not. Exits with 0 if all
    are; with 1 if one is not, or if there is none; with 5 if Redis cannot be reached.
    """
    with UploadClient.from_env() as client:
        pool = client.pool(events=1)
    workers = [each for each in pool.workers if each.host == host]
    found = ((each.name, each.trouble(pool.at)) for each in workers)
    troubles = [f"{name}: {trouble}" for name, trouble in found if trouble]
    if not workers:
        troubles = [f"no worker on {host} has sent a heartbeat lately"]
    message = "; ".join(troubles) or f"{counted(len(workers), 'worker')} on {host}: consuming"
    if as_json:
        print_json(
            {"consuming": not troubles, "host": host, "workers": len(workers), "message": message}
        )
    else:
        say(message)
    sys.exit(Exit.ERROR if troubles else Exit.OK)


def _of_client() -> Iterator[Finding]:
    """Check what a producer can check."""
    try:
        client = UploadClient.from_env()
    except InvalidSettings as invalid:
        for problem in invalid.problems:
            yield fail("Settings", problem, "correct the variable")
        return
    with client:
        try:
            server = client.server()
        except LedgerUnavailable as error:
            yield fail("Redis", str(error), "start it, or correct FACELIFT_REDIS_URL")
            return
        except LedgerRefused as error:
            yield from _when_refused(client, error)
        else:
            yield from check_redis(server)
        yield check_access(settings_from_env()["redis_url"])
        try:
            pool = client.pool(events=1)
            minute_ago = f"{int((pool.at - MINUTE) * 1000)}-0"
            moves = next(client.outcomes(minute_ago, timeout=0), None) is not None
        except (LedgerUnavailable, LedgerRefused) as error:
            yield skip("Pool", str(error), "use credentials that may read the ledger")
        else:
            yield from check_pool(pool, moves=moves)
            yield from check_messages(client)


def _when_refused(client: UploadClient, error: LedgerRefused) -> Iterator[Finding]:
    """Check a Redis that hides its configuration: at least whether it lets us in."""
    try:
        client.pool(events=1)
    except LedgerRefused:
        yield fail("Redis", str(error), "correct user and password in FACELIFT_REDIS_URL")
    else:
        yield ok("Redis", "answers")
        yield warn("Set-up", str(error), "use credentials that may use SET, INFO and TIME")


def _of_others() -> Iterator[Finding]:
    """Run the checks of other distributions, if what they need is installed."""
    added = {found.name: found for found in entry_points(group="facelift.checks")}
    for name, found in sorted({"worker": None, **added}.items()):
        try:
            checks = found.load() if found else None
        except ModuleNotFoundError as error:
            if found and (error.name or "").partition(".")[0] == found.module.partition(".")[0]:
                raise  # a module of its own is missing: a defect
            checks = None
        if checks is not None:
            yield from checks()
            continue
        yield skip(
            name.capitalize(),
            "what it needs is not installed here",
            "run it on a worker host, or pip install ./client .",
        )


def _show(finding: Finding) -> None:
    head = f"{finding.verdict:<6}{finding.check:<13}"
    show(Paragraph(head, finding.message, head_style=_STYLES.get(finding.verdict, "dim")))
    if finding.advice:
        show(Paragraph(f"{'':<{len(head)}}-> ", finding.advice))
