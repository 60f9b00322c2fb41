"""Reads many jobs: CSV and JSON Lines line by line, or the images of a folder.

A line that cannot be a job is reported with its reason and does not stop the others. One line is
held in memory at a time.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from facelift.asset import Action, Asset
from facelift.cli.bulk.raw_lines import LONGEST_LINE, read_lines
from facelift.cli.options import read_moment
from facelift.errors import InvalidJob
from facelift.fit import Fit
from facelift.job import DEFAULT_ACCOUNT, ImageRef, Priority, UploadJob, check_job_id

_SEPARATORS = ",;\t"
_EXCEL = re.compile(r'"?sep=([,;\t|])"?[,;\t|]*', re.IGNORECASE)  # a line that names the separator
_INVALID = "\N{REPLACEMENT CHARACTER}"
_TIMES = ("not_before", "expires_at")
_FIELDS = ["job_id", *(field.name for field in fields(UploadJob) if field.name != "batch")]
_METADATA = "metadata"
_COLUMNS = [f"{name}.NAME" if name == _METADATA else name for name in _FIELDS]


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
    asset: str = Asset.PROFILE_PICTURE.value
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
        defaults = asdict(self)
        if given.get("action") == Action.REMOVE:
            del defaults["fit"]  # it is for images
        job = UploadJob.from_fields(defaults | given)
        if job_id is not None:
            return job, check_job_id(job_id)
        content = [self.batch.encode(), place.encode(), raw.strip()]
        if self.asset != Asset.PROFILE_PICTURE:  # a folder may be read once for each
            content.append(self.asset.encode())
        return job, hashlib.sha256(b"\0".join(content)).hexdigest()[:32]


class JobFile:
    """The jobs of a file: JSON Lines if its first line begins with `{`, else CSV.

    Args:
        stream: the file.
        defaults: for all of its jobs.

    Attributes:
        header: the line with the names of the fields, and Excel's with the separator before it if
            there is one; empty for JSON Lines.

    Raises:
        InvalidJob: its first line is neither.
    """

    def __init__(self, stream: BinaryIO, defaults: Defaults) -> None:
        self._lines: Iterator[tuple[str, bytes]] = (
            (f"line {number}", raw) for number, raw in read_lines(stream)
        )
        self._defaults = defaults
        self._names: list[str] = []
        self._separator = ""
        self.header = b""
        for place, raw in self._lines:
            start = raw.lstrip()
            if start.startswith(b"["):
                raise InvalidJob(place, "must hold one JSON object, not a list of them")
            if start.startswith(b"{"):
                self._lines = chain([(place, raw)], self._lines)
                return
            try:
                is_header = self._read_header(raw)
            except InvalidJob as error:
                raise InvalidJob(place, error.reason) from None
            if is_header:
                return

    def __iter__(self) -> Iterator[Line]:
        for place, raw in self._lines:
            try:
                text = _text(raw)
                given = self._cells(text) if self._names else _json(text)
                if not given and self._names:  # a row of empty cells
                    continue
                yield Line(place, raw, len(raw), *self._defaults.make(given, place, raw))
            except InvalidJob as error:
                problem = error.reason if error.field == "line" else str(error)
                yield Line(place, raw, len(raw), problem=problem)

    def _read_header(self, raw: bytes) -> bool:
        """Read the names of the columns; False if the line is one before them."""
        text = _text(raw)
        self.header += raw.rstrip(b"\r\n") + b"\n"
        if not self._separator and (named := _EXCEL.fullmatch(text)):
            self._separator = named[1]
            return False
        separator = self._separator or next((each for each in _SEPARATORS if each in text), ",")
        names = _without_empty_end([name.strip().lower() for name in _split(text, separator)])
        if not names:
            return False
        needed = ("chatbot_id",) if "action" in names else ("chatbot_id", "image")
        for name in needed:
            if name not in names:
                hint = "; as UTF-16 it needs a byte order mark" if "\0" in text else ""
                raise InvalidJob("line", f"must name the columns, among them {name}{hint}")
        for name in names:
            if name not in _COLUMNS and not name.startswith(f"{_METADATA}."):
                raise InvalidJob(
                    "line", f"has a column {name[:40]!r}, which is not one of {', '.join(_COLUMNS)}"
                )
            if names.count(name) > 1:
                raise InvalidJob("line", f"has two columns {name!r}")
        self._names, self._separator = names, separator
        return True

    def _cells(self, text: str) -> dict[str, Any]:
        cells = _split(text, self._separator)
        count = len(self._names)
        if len(cells) > count:  # a spreadsheet writes empty columns too
            cells = cells[:count] + _without_empty_end(cells[count:])
        if len(cells) != count:
            raise InvalidJob("line", f"must have {count} fields as the header, not {len(cells)}")
        filled = {
            name: _time(name, cell) if name in _TIMES else cell
            for name, cell in zip(self._names, cells, strict=True)
            if cell.strip()
        }
        own = [name for name in filled if name.startswith(f"{_METADATA}.")]
        metadata = {name.partition(".")[2]: filled.pop(name) for name in own}
        return filled | ({_METADATA: metadata} if metadata else {})


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


def _text(raw: bytes) -> str:
    if len(raw) >= LONGEST_LINE:
        raise InvalidJob("line", f"is longer than {LONGEST_LINE - 1} bytes")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidJob("line", "is not UTF-8, or lacks the byte order mark of UTF-16") from None
    if _INVALID in text:
        raise InvalidJob("line", "holds what is invalid in its encoding")
    return text


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


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
