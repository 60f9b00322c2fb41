"""The end of the demo: a table of outcomes, what it comes to, and where to go from here."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.rule import Rule
from rich.text import Text

from facelift import JobState
from facelift.ledger.keys import Keys
from sandbox.demo.wording import STYLES, attempts, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from facelift import JobRecord

_COLUMNS: dict[str, Callable[[JobRecord], str]] = {
    "Picture": picture,
    "Chatbot": lambda record: record.chatbot_id,
    "Outcome": lambda record: str(record.outcome or record.state),
    "Attempts": attempts,
}
_INDENT = " " * 4
_FROM_HERE = f"""\
  Enqueue  tasks.UploadClient.from_env().enqueue("bot-42", "media:bots/42.png")
  Status   redis-cli HGETALL "{Keys().job("<job id>")}"
  Read on  README.md"""


def print_outcomes(console: Console, records: Sequence[JobRecord]) -> None:
    """A line a job, and below it the sentence, which needs the whole width."""
    widths = [
        max(len(name), *(len(cell(record)) for record in records))
        for name, cell in _COLUMNS.items()
    ]

    def line(*cells: str, styles: Sequence[str] = ("",) * len(_COLUMNS)) -> Text:
        padded = (f"{cell:{width}}  " for cell, width in zip(cells, widths, strict=True))
        text = Text.assemble(*zip(padded, styles, strict=True))
        text.rstrip()
        return text

    console.print(line(*_COLUMNS, styles=("bold",) * len(_COLUMNS)))
    console.print(Rule(style="dim"))
    for record in records:
        cells = (cell(record) for cell in _COLUMNS.values())
        console.print(line(*cells, styles=("", "", STYLES[record.state], "")))
        sentence = textwrap.fill(
            record.message,
            console.width,
            initial_indent=_INDENT,
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
        )
        console.print(Text(sentence, "dim"))
    console.print(Rule(style="dim"))


def print_summary(
    console: Console, records: Sequence[JobRecord], stats: dict[str, Any], *, as_planned: bool
) -> None:
    """What it comes to, by the ledger and by the stand-in."""
    kinds = Counter(map(_kind, records))
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    log = f"{stats['requests']} requests, overlapping uploads: {stats['overlapped']}"
    if as_planned:
        verdict = Text(f"All {len(records)} jobs ended as they should", "green")
        log = f"log agrees: {log}, and every chatbot has its newest good picture"
    else:
        verdict = Text("Not all came as it should", "red")
        log = f"log: {log}"
    console.print(Text.assemble(verdict, f": {counts}."))
    console.print(f"The stand-in's own {log}.\n")


def _kind(record: JobRecord) -> str:
    if record.state is JobState.FAILED:
        asked = any(each.http_status for each in record.attempts)
        return "refused by the endpoint" if asked else "refused before any request"
    return str(record.outcome or record.state)


def print_from_here(console: Console) -> None:
    """Three lines for who wants to go on."""
    console.print(Text("Where to go from here", "bold"))
    console.print(_FROM_HERE)
