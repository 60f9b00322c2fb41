"""`facelift list`: jobs that match filters, a page at a time."""

import shlex
import sys
from typing import Any

import click

from facelift.cli.draw.console import counted, print_json, say
from facelift.cli.draw.record import print_jobs
from facelift.cli.options import filters, json_option
from facelift.client import UploadClient
from facelift.queries import Page

_FLAGS = {"chatbot_id": "chatbot"}


@click.command("list")
@filters
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    metavar="N",
    help="The most jobs to list, from 1 to 1000.",
)
@click.option("--cursor", help="Continue after the page that printed it.")
@json_option
def list_jobs(*, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - handed on as they are
    """List jobs, newest first.

    On a terminal it prints a table, then the command for the next page. In a pipe it
    prints a line a job, with tabs between id, time, state, outcome or wait reason,
    chatbot, account and image, then asset and action unless a profile picture is set.
    With --json it prints one object: the `records`, and the
    `cursor` of the next page, null at the end.

    \b
    Examples:
      facelift list --state failed --since 2h
      facelift list --state waiting --account acme-eu
      facelift list --chatbot 5QHA6VB-DIAbBhxwqxfdi
      facelift list --asset icon --action remove
      facelift list --code image_not_square --json | jq -r '.records[].image'
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        page = client.find(**asked)
    if as_json:
        records = [record.as_dict() for record in page.records]
        print_json({"records": records, "cursor": page.cursor})
        return
    print_jobs(page.records)
    if sys.stderr.isatty():
        say(_hint(page, asked), err=True)


def _hint(page: Page, asked: dict[str, Any]) -> str:
    """The command for the next page, or that there is none."""
    if page.cursor is None:
        count = len(page.records)
        is_first = asked["cursor"] is None
        return f"{counted(count, 'job')}; no more." if is_first or count else "No more jobs."
    words = ["facelift", "list"]
    for name, value in (asked | {"cursor": page.cursor}).items():
        if value is not None:
            flag = _FLAGS.get(name, name)
            words += [f"--{flag}", f"{value:.3f}" if isinstance(value, float) else str(value)]
    return f"More: {shlex.join(words)}"
