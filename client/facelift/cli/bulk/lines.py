"""Reads many jobs: CSV and JSON Lines line by line, or the images of a folder.

A line that cannot be a job is reported with its reason and does not stop the others. One line is
held in memory at a time.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from facelift.cli.options import read_moment
from facelift.errors import InvalidJob
from facelift.job import DEFAULT_ACCOUNT, Fit, ImageRef, Priority, UploadJob, check_job_id

_LONGEST_LINE = 65_536  # bytes
_BOM = b"\xef\xbb\xbf"
_SEPARATORS = ",;\t"
_TIMES = ("not_before", "expires_at")
_FIELDS = ["job_id", *(field.name for field in fields(UploadJob) if field.name != "batch")]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, or a file of a folder.

    Attributes:
        place: its number, such as `line 17`, or the file's name.
        raw: its bytes, for the file of bad lines.
        size: what it adds to the progress: its bytes, or 1 for a file.
        job: None if it cannot be one.
        job_id: the same whenever the same line is read for the same batch.
        problem: why it cannot be a job.
    """

    place: str
    raw: bytes
    size: int
    job: UploadJob | None = None
    job_id: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The batch of all jobs, and fields of those that do not set them."""

    batch: str
    account: str = DEFAULT_ACCOUNT
    fit: str = Fit.STRICT.value
    priority: str = Priority.NORMAL.value
    fairness_key: str | None = None

    def make(self, given: dict[str, Any], place: str, raw: bytes) -> tuple[UploadJob, str]:
        """Make a job and its id, which is derived from its place and bytes unless it names one.

        Raises:
            InvalidJob: it cannot be one.
        """
        for name in given:
            if name not in _FIELDS:
                raise InvalidJob(name[:40], f"is not one of {', '.join(_FIELDS)}")
        job_id = given.pop("job_id", None)
        job = UploadJob.from_fields(asdict(self) | given)
        if job_id is not None:
            return job, check_job_id(job_id)
        content = b"\0".join((self.batch.encode(), place.encode(), raw.strip()))
        return job, hashlib.sha256(content).hexdigest()[:32]


class JobFile:
    """The jobs of a file: JSON Lines if its first line begins with `{`, else CSV.

    Args:
        stream: the file.
        defaults: for all of its jobs.

    Attributes:
        header: the line with the names of the fields; empty for JSON Lines.

    Raises:
        InvalidJob: its first line is neither.
    """

    def __init__(self, stream: BinaryIO, defaults: Defaults) -> None:
        self._lines: Iterator[tuple[str, bytes]] = _numbered(stream)
        self._defaults = defaults
        self._names: list[str] = []
        self._separator = ","
        self.header = b""
        first = next(self._lines, None)
        if first is None:
            return
        place, raw = first
        start = raw.lstrip()
        if start.startswith(b"["):
            raise InvalidJob("file", "must hold one JSON object a line, not a list of them")
        if start.startswith(b"{"):
            self._lines = chain([first], self._lines)
        else:
            self._read_header(place, raw)

    def __iter__(self) -> Iterator[Line]:
        for place, raw in self._lines:
            try:
                text = _text(raw)
                given = self._cells(text) if self._names else _json(text)
                yield Line(place, raw, len(raw), *self._defaults.make(given, place, raw))
            except InvalidJob as error:
                problem = error.reason if error.field == "line" else str(error)
                yield Line(place, raw, len(raw), problem=problem)

    def _read_header(self, place: str, raw: bytes) -> None:
        text = _text(raw)
        self._separator = next((each for each in _SEPARATORS if each in text), ",")
        self._names = [name.strip().lower() for name in _split(text, self._separator)]
        for name in ("chatbot_id", "image"):
            if name not in self._names:
                raise InvalidJob(place, f"must name the columns, among them {name}")
        for name in self._names:
            if name not in _FIELDS:
                raise InvalidJob(
                    place, f"has a column {name[:40]!r}, which is not one of {', '.join(_FIELDS)}"
                )
            if self._names.count(name) > 1:
                raise InvalidJob(place, f"has two columns {name!r}")
        self.header = raw

    def _cells(self, text: str) -> dict[str, Any]:
        cells = _split(text, self._separator)
        if len(cells) != len(self._names):
            raise InvalidJob(
                "line", f"must have {len(self._names)} fields as the header, not {len(cells)}"
            )
        return {
            name: _time(name, cell) if name in _TIMES else cell
            for name, cell in zip(self._names, cells, strict=True)
            if cell.strip()
        }


def read_folder(
    names: Iterable[str], folder: Path, store: str, prefix: str, defaults: Defaults
) -> Iterator[Line]:
    """Read the jobs of a folder: `<chatbot id>.png` is that chatbot's image.

    Args:
        names: its files, in order.
        folder: where they are.
        store: the workers' store that holds them.
        prefix: what precedes a file's name in the store.
        defaults: for all of the jobs.
    """
    taken: dict[str, str] = {}
    for name in names:
        chatbot = PurePath(name).stem
        raw = name.encode("utf-8", "surrogateescape") + b"\n"
        if (first := taken.setdefault(chatbot, name)) != name:
            problem = f"chatbot_id: {chatbot!r} has another image here: {first}"
            yield Line(name, raw, 1, problem=problem)
            continue
        try:
            image = str(ImageRef.parse(f"{store}:{prefix}{name}"))
            found = (folder / name).stat()
            what = f"{image} {found.st_size} {found.st_mtime_ns}".encode()
            given = {"chatbot_id": chatbot, "image": image}
            yield Line(name, raw, 1, *defaults.make(given, name, what))
        except InvalidJob as error:
            yield Line(name, raw, 1, problem=str(error))
        except OSError as error:
            yield Line(name, raw, 1, problem=f"cannot be read: {error.strerror}")


def _numbered(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """The lines that are not blank with their places; of one too long, only the beginning."""
    number = 0
    while raw := stream.readline(_LONGEST_LINE):
        rest = raw
        while len(rest) == _LONGEST_LINE and rest[-1:] != b"\n":
            rest = stream.readline(_LONGEST_LINE)
        number += 1
        raw = raw.removeprefix(_BOM) if number == 1 else raw
        if raw.strip():
            yield f"line {number}", raw


def _text(raw: bytes) -> str:
    if len(raw) >= _LONGEST_LINE:
        raise InvalidJob("line", f"is longer than {_LONGEST_LINE - 1} bytes")
    try:
        return raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidJob("line", "is not UTF-8") from None


def _split(text: str, separator: str) -> list[str]:
    # No field may hold a line break, so each line is read by itself: an unclosed quote
    # spoils its own line and not the rest of the file.
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        reason = "has a quote that is not closed" if "end of data" in str(error) else str(error)
        raise InvalidJob("line", reason) from None


def _json(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidJob("line", f"is not JSON: {error}") from None
    except RecursionError:
        raise InvalidJob("line", "is nested too deeply") from None
    if not isinstance(given, dict):
        raise InvalidJob("line", "must be a JSON object with the fields of a job")
    return {
        name: _time(name, value) if name in _TIMES and isinstance(value, str) else value
        for name, value in given.items()
        if value is not None
    }


def _time(field: str, text: str) -> float:
    try:
        return read_moment(text.strip())
    except ValueError as problem:
        raise InvalidJob(field, f"{text.strip()!r} {problem}") from None
