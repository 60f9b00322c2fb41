"""The table of all kinds of odd images, in `docs/images.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.documents import DOCS
from tests.image_cases import CASES

if TYPE_CHECKING:
    from tests.image_cases import Case

DOCUMENT = DOCS / "images.md"
_HEAD = "| format | the file has, or is | verdict |\n|---|---|---|\n"
_END = "\n\n"


def with_table(document: str) -> str:
    """The document with the table as it should be now."""
    before, head, rest = document.partition(_HEAD)
    assert head, f"the table has gone from {DOCUMENT.name}"
    _, end, after = rest.partition(_END)
    rows = dict.fromkeys(f"| {case.format} | {case.kind} | {_verdict(case)} |" for case in CASES)
    return before + head + "\n".join(rows) + end + after


def _verdict(case: Case) -> str:
    verdict = f"`{case.code}`" if case.code else "passes"
    return verdict + ", other than in browsers, see below" * case.is_exception
