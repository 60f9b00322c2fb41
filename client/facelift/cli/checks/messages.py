"""Checks whether every Celery message of a producer becomes a job."""

import time
from collections.abc import Iterator

from facelift.cli.checks.findings import Finding, ok, skip, warn
from facelift.cli.draw.console import counted
from facelift.client import UploadClient
from facelift.errors import LedgerRefused, LedgerUnavailable

_DAY = 86_400.0
_MOST = 1_000


def check_messages(client: UploadClient) -> Iterator[Finding]:
    """Check for messages that workers refused, and for lists that no worker reads."""
    try:
        refused = client.refused_messages(_MOST)
    except (LedgerUnavailable, LedgerRefused) as error:
        yield skip("Messages", str(error), "use credentials that may read the ledger")
        return
    recent = [each for each in refused if time.time() - each.at < _DAY]
    if recent:
        task = f" (task {recent[0].task_id})" if recent[0].task_id else ""
        yield warn(
            "Messages",
            f"{counted(len(recent), 'Celery message')} refused within a day; the last{task}: "
            f"{recent[0].reason}",
            "correct its producer; docs/producers/celery.md says what a message may hold",
        )
    else:
        yield ok("Messages", "no Celery message was refused within a day")
    yield from _strays(client)


def _strays(client: UploadClient) -> Iterator[Finding]:
    try:
        names = client.stray_lists()
    except (LedgerUnavailable, LedgerRefused) as error:
        yield skip("Lists", str(error), "use credentials that may list keys (SCAN)")
        return
    for name in names:
        yield warn(
            "Lists",
            f"{name!r} holds facelift.enqueue messages, and no worker reads it",
            "have the producer send to the queue of FACELIFT_KEY_PREFIX, without global_keyprefix",
        )
    if not names:
        yield ok("Lists", "no other list holds messages for Facelift")
