"""`facelift list`: which jobs there are."""

from __future__ import annotations

import json
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from facelift.cli.draw.table import is_for_person, job_lines
from facelift.cli.options import filters, json_option
from facelift.client import UploadClient

if TYPE_CHECKING:
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
    help="How many at most, from 1 to 1000.",
)
@click.option("--cursor", help="Of the page before, for the next one.")
@json_option
def list_jobs(*, as_json: bool, **asked: Any) -> None:  # noqa: ANN401 - handed on as they are
    """List jobs, newest first.

    On a terminal it is a table, and the command for the next page follows. In a pipe
    it is a line a job, with tabs between: id, time, state, outcome or wait reason,
    chatbot, account, image. With --json it is one object: the `records`, and the
    `cursor` of the next page, null at the end.

    \b
    Examples:
      facelift list --state failed --since 2h
      facelift list --state waiting --account acme-eu
      facelift list --chatbot 5QHA6VB-DIAbBhxwqxfdi
      facelift list --code image_not_square --json | jq -r '.records[].image'
    """  # noqa: D301 - click wants the escape, not the backslash
    with UploadClient.from_env() as client:
        page = client.find(**asked)
    if as_json:
        records = [record.as_dict() for record in page.records]
        click.echo(json.dumps({"records": records, "cursor": page.cursor}))
        return
    if page.records:
        for line in job_lines(page.records, for_person=is_for_person(), now=time.time()):
            click.echo(line)
    if sys.stderr.isatty():
        click.echo(_hint(page, asked), err=True)


def _hint(page: Page, asked: dict[str, Any]) -> str:
    if page.cursor is None:
        count = len(page.records)
        jobs = "1 job" if count == 1 else f"{count or 'No'} jobs"
        return f"{jobs}; that is all." if asked["cursor"] is None or count else "No more jobs."
    words = ["facelift", "list"]
    for name, value in (asked | {"cursor": page.cursor}).items():
        if value is not None:
            flag = _FLAGS.get(name, name)
            words += [f"--{flag}", f"{value:.3f}" if isinstance(value, float) else str(value)]
    return f"More: {shlex.join(words)}"
