"""One odd file and what is right for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facelift.codes import OutcomeCode


@dataclass(frozen=True, slots=True)
class Case:
    """An odd file, made by code.

    Attributes:
        format: how its format is called.
        kind: what is odd about it, for a table that people read.
        data: the file.
        like: a file that shows the same, if this one is shown whole.
        code: as what it is refused; None if it passes.
        is_exception: whether the verdict departs from what browsers show; the document says why.
    """

    format: str
    kind: str
    data: bytes
    like: bytes
    code: OutcomeCode | None = None
    is_exception: bool = False
