"""What the demo prints: jobs on their way, the outcomes, the summary, the next steps."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.spinner import Spinner
from rich.text import Text

from facelift import Action, Asset, JobRecord, JobState, WaitReason
from facelift.cli.draw.console import Paragraph, table
from facelift.cli.draw.record import STATE_STYLES

_STATE_WIDTH = max(map(len, JobState))
_WHY: dict[JobState | WaitReason, str] = {
    JobState.QUEUED: "on its way to the worker",
    JobState.RUNNING: "the worker uploads it",
    JobState.SUPERSEDED: "a newer image was delivered",
    WaitReason.ACCOUNT_PAUSED: "its API key was refused",
    WaitReason.CHATBOT_FAILING: "its last upload failed",
    WaitReason.CHATBOT_BUSY: "an earlier image goes first",
    WaitReason.NEWER_UPLOAD: "a newer image goes first",
}
_NEXT_STEPS = """\
  Install  pip install ./client                 in the service that enqueues
  Enqueue  from facelift import UploadClient
           UploadClient.from_env().enqueue("bot-42", "media:bots/42.png")
  Follow   facelift show JOB
  Read on  README.md"""


class Progress:
    """Shows jobs on their way: a live table on a terminal, else a line for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.time()
        self._spinner = Spinner("dots", style="cyan")
        self._step = ""
        self._records: Sequence[JobRecord] = ()
        self._shown: dict[str, tuple[object, ...]] = {}
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_interactive:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def step(self, sentence: str) -> None:
        """Show what is about to be done."""
        self._step = sentence
        if not self._console.is_interactive:
            self._print(sentence)

    def show(self, records: Sequence[JobRecord]) -> None:
        """Show the jobs, always in the same order."""
        self._records = records
        if self._console.is_interactive:
            return
        for each, cells in zip(records, _padded(map(_columns, records)), strict=True):
            change = (each.state, each.wait_reason, len(each.attempts))
            if self._shown.setdefault(each.id, change) != change:
                self._shown[each.id] = change
                self._print("  ".join([*cells, _why(each)]))

    def _print(self, line: str) -> None:
        self._console.print(f"{time.time() - self._start:5.1f} s  {line}", soft_wrap=True)

    def _render(self) -> RenderableType:
        records = self._records
        ended = sum(each.state.is_terminal for each in records)
        count = f"{ended} of {len(records)} jobs have ended, " if records else ""
        self._spinner.update(text=Text(f"{self._step}: {count}{time.time() - self._start:.0f} s"))
        rows = []
        for each in records:
            image, chatbot, state = _columns(each)
            drawn = Text(state, STATE_STYLES.get(each.state, ""))
            rows.append((image, chatbot, drawn, str(len(each.attempts) or ""), _why(each)))
        head = ("Image", "Chatbot", "State", "Attempts", "Why")
        jobs = table(head, rows, right=["Attempts"], one_line=True)
        return Group(self._spinner, "", jobs) if records else self._spinner


def print_outcomes(console: Console, records: Sequence[JobRecord]) -> None:
    """Print a line for each job, with its sentence below, which needs the whole width."""
    rows = [
        (*_columns(each)[:2], str(each.outcome or each.state), _attempts(each)) for each in records
    ]
    heading, *lines = _padded([("Image", "Chatbot", "Outcome", "Attempts"), *rows])
    console.print(Text("  ".join(heading), "bold"), Rule(style="dim"))
    for record, (image, chatbot, outcome, attempts) in zip(records, lines, strict=True):
        style = STATE_STYLES.get(record.state, "")
        console.print(Text.assemble(f"{image}  {chatbot}  ", (outcome, style), f"  {attempts}"))
        console.print(Paragraph("    ", Text(record.message, "dim")))
    console.print(Rule(style="dim"))


def print_summary(
    console: Console, records: Sequence[JobRecord], stats: dict[str, Any], *, as_planned: bool
) -> None:
    """Print the counts of the ledger and of the endpoint, and the next steps."""
    counts = ", ".join(f"{count} {kind}" for kind, count in Counter(map(_kind, records)).items())
    log = f"{stats['requests']} requests, overlapping uploads: {stats['overlapped']}"
    if as_planned:
        verdict = Text(f"All {len(records)} jobs ended as they should", "green")
        log = f"log agrees: {log}, and every chatbot has its newest good image"
    else:
        verdict = Text("Not every job ended as it should", "red")
        log = f"log: {log}"
    console.print(Text.assemble(verdict, f": {counts}."))
    console.print(f"The endpoint's own {log}.\n")
    console.print(Text("Next steps", "bold"))
    console.print(_NEXT_STEPS)


def _padded(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """The rows with cells as wide as their column."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]


def _columns(record: JobRecord) -> tuple[str, str, str]:
    """Image, chatbot and state."""
    image = record.image.partition(":")[2] if record.image else ""
    if not image:
        image = "no icon" if record.asset == Asset.ICON else "no picture"
    elif record.asset == Asset.ICON:
        image = f"icon {image}"
    return image, record.chatbot_id, record.state.ljust(_STATE_WIDTH)


def _kind(record: JobRecord) -> str:
    if record.state is JobState.FAILED:
        requested = any(each.http_status for each in record.attempts)
        return "refused by the endpoint" if requested else "refused before any request"
    return str(record.outcome or record.state)


def _results(record: JobRecord) -> list[str]:
    """Of each attempt: the status of the response, or a code if there was none."""
    return [str(each.http_status or each.code) for each in record.attempts]


def _attempts(record: JobRecord) -> str:
    """How many attempts, with their results: `3 (500, 500, 200)`."""
    if not record.attempts:
        return "0"
    requested = any(each.http_status for each in record.attempts)
    results = ", ".join(_results(record)) if requested else "no request"
    return f"{len(record.attempts)} ({results})"


def _why(record: JobRecord) -> str:
    """Why a job is in its state."""
    if record.state is JobState.RUNNING and record.action == Action.REMOVE:
        return "the worker removes it"
    if known := _WHY.get(record.wait_reason or record.state):
        return known
    if record.wait_reason and record.wait_until == record.expires_at:
        return str(record.wait_reason)
    if record.state is JobState.WAITING:
        left = max(0.0, (record.wait_until or 0.0) - time.time())
        cause = _results(record)[-1] if record.attempts else record.wait_reason
        return f"{cause}; again in {left:.1f} s"
    if record.state is JobState.SUCCEEDED and len(record.attempts) > 1:
        return f"{record.outcome} after {', '.join(_results(record)[:-1])}"
    return str(record.outcome)
