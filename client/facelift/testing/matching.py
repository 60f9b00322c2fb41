"""Which jobs match what a test expects, and what an assertion says if none does."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from facelift.checks import check_time
from facelift.job import UploadJob
from facelift.record import JobRecord

_SHOWN = 20
_DEFAULTS = {field.name: field.default for field in fields(UploadJob)}
_KNOWN = [field.name for field in fields(JobRecord)]


class Expected:
    """The fields that a test expects of a job.

    Args:
        given: by the names of `JobRecord`; anything that compares equal will do.

    Raises:
        TypeError: a job has no such field.
    """

    def __init__(self, given: Mapping[str, object]) -> None:
        for name in given:
            if name not in _KNOWN:
                raise TypeError(f"{name} is not a field of a job: {', '.join(_KNOWN)}")
        self._fields = {
            name: check_time(name, value) if isinstance(value, datetime) else value
            for name, value in given.items()
        }

    def __str__(self) -> str:
        return " with " + _show(self._fields) if self._fields else ""

    def differing(self, record: JobRecord) -> list[str]:
        """The fields that are not what is expected."""
        return [name for name, value in self._fields.items() if getattr(record, name) != value]

    def among(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Those that match."""
        return [record for record in records if not self.differing(record)]

    def describe(self, records: Sequence[JobRecord]) -> str:
        """All jobs, a line each, and how each differs; the nearest to what is expected first."""
        if not records:
            return "Nothing was enqueued."
        count = f"{len(records)} jobs were" if len(records) > 1 else "1 job was"
        nearest = sorted(records, key=lambda record: len(self.differing(record)))
        lines = [f"  {self._line(record)}" for record in nearest[:_SHOWN]]
        if len(records) > _SHOWN:
            lines.append(f"  ... and {len(records) - _SHOWN} more")
        return "\n".join([f"{count} enqueued:", *lines])

    def _line(self, record: JobRecord) -> str:
        shown = {
            name: getattr(record, name)
            for name in _KNOWN
            if name in self._fields
            or (name in _DEFAULTS and getattr(record, name) != _DEFAULTS[name])
        }
        if "expires_at" not in self._fields:  # every record has one, given or not
            shown.pop("expires_at", None)
        differing = self.differing(record)
        return _show(shown) + (f"  <- {', '.join(differing)}" if differing else "")


def _show(named: Mapping[str, Any]) -> str:
    # A StrEnum's repr is longer than what a test would write.
    return ", ".join(
        f"{name}={str(value)!r}" if isinstance(value, str) else f"{name}={value!r}"
        for name, value in named.items()
    )
