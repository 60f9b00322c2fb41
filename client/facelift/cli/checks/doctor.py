"""`facelift doctor`: is everything fit for jobs to be delivered, and if not, what to do."""

from __future__ import annotations

import json
import sys
from collections import Counter
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import click

from facelift.cli.checks.findings import Verdict, fail, ok, skip, warn
from facelift.cli.checks.pool import MINUTE, check_pool
from facelift.cli.checks.redis import check_redis
from facelift.cli.draw.layout import filled
from facelift.cli.exits import Exit
from facelift.cli.options import json_option
from facelift.client import UploadClient
from facelift.errors import InvalidSettings, LedgerRefused, LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facelift.cli.checks.findings import Finding

_NAME = 13
_VERDICT = 6


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check what deliveries need, and give advice.

    Everywhere: the settings, Redis (reachable, version, persistence, eviction, memory,
    clock), workers, queue, breaker, pauses. Where the worker is installed and set up:
    its settings and keys, whether the endpoint can be reached (it connects, and sends
    nothing), and whether the image stores can be read.

    OK is well; WARN works, but will not always; FAIL loses jobs or delivers none; SKIP
    could not be checked here. Exits with 0 unless something FAILs; with 5 if that is
    Redis, else with 1. With --json it is a list of objects.

    \b
    Examples:
      facelift doctor
      facelift doctor --json | jq -r '.[] | select(.verdict == "FAIL") | .told'
    """  # noqa: D301 - click wants the escape, not the backslash
    findings = []
    for finding in (*_of_tasks(), *_of_others()):
        findings.append(finding)
        if not as_json:
            click.echo("\n".join(_lines(finding)))
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        counts = Counter(finding.verdict for finding in findings)
        click.echo("\n" + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
    sys.exit(_exit(findings))


def _of_tasks() -> Iterator[Finding]:
    """What a producer can check."""
    try:
        client = UploadClient.from_env()
    except InvalidSettings as invalid:
        for problem in invalid.problems:
            yield fail("Settings", problem, "correct the variable; see docs/settings.md")
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
        try:
            pool = client.pool(events=1)
            lately = f"{int((pool.at - MINUTE) * 1000)}-0"
            moves = next(client.outcomes(lately, timeout=0), None) is not None
        except (LedgerUnavailable, LedgerRefused) as error:
            yield skip("Pool", str(error), "run it with credentials that may read the ledger")
        else:
            yield from check_pool(pool, moves=moves)


def _when_refused(client: UploadClient, error: LedgerRefused) -> Iterator[Finding]:
    """Of a Redis that does not tell how it is set up, at least whether it lets us in."""
    try:
        client.pool(events=1)
    except LedgerRefused:
        yield fail("Redis", str(error), "correct user and password in FACELIFT_REDIS_URL")
    else:
        yield ok("Redis", "answers")
        yield warn("Set-up", str(error), "run it with credentials that may use SET, INFO and TIME")


def _of_others() -> Iterator[Finding]:
    """What the checks of other packages find, if what they need is installed."""
    for found in entry_points(group="facelift.checks"):
        try:
            checks = found.load()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == found.module.partition(".")[0]:
                raise  # it is no extra's: a defect
            yield skip(
                found.name.capitalize(),
                "what it needs is not installed here",
                "run it where workers run, or pip install ./client .",
            )
        else:
            yield from checks()


def _exit(findings: list[Finding]) -> Exit:
    failed = [finding.check for finding in findings if finding.verdict is Verdict.FAIL]
    if "Redis" in failed:
        return Exit.NO_REDIS
    return Exit.ERROR if failed else Exit.OK


def _lines(finding: Finding) -> Iterator[str]:
    indent = _VERDICT + _NAME
    head = f"{finding.verdict:<{_VERDICT}}{finding.check:<{_NAME}}"
    yield filled(head, finding.told, indent)
    if finding.advice:
        yield filled(" " * indent + "-> ", finding.advice, indent + 3)
