"""Judge an image in a local file as a worker would, for `facelift check` and `facelift fit`."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from facelift.asset import Asset
from facelift.codes import OutcomeCode
from facelift.fit import CENTRE, Fit, Focus
from facelift.job import DEFAULT_ACCOUNT
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat, parse, recognise
from worker.images.judge import ImageJudge
from worker.images.validate import ValidImage, too_large

_XMP_LOCATION = b"exif:GPSLatitude"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a file.

    Attributes:
        path: the file.
        size: in bytes; None if it cannot be read.
        format: the format's name for a person; None if it is no image.
        pixels: width and height as shown; None if they are unknown.
        verdict: what would be sent, or why nothing would.
        has_location: whether its metadata say where it was taken, and would be sent as they are.
    """

    path: Path
    size: int | None
    format: str | None
    pixels: tuple[int, int] | None
    verdict: ValidImage | ImageRejected
    has_location: bool = False

    def as_dict(self) -> dict[str, object]:
        """The same in plain types, for JSON."""
        width, height = self.pixels or (None, None)
        rejected = self.verdict if isinstance(self.verdict, ImageRejected) else None
        return {
            "image": str(self.path),
            "ok": rejected is None,
            "outcome": rejected and rejected.code,
            "message": rejected and rejected.sentence,
            "fitted": getattr(self.verdict, "fitted", "") or None,
            "format": self.format,
            "width": width,
            "height": height,
            "bytes": self.size,
            "location": self.has_location,
        }


def inspect(
    path: Path,
    images: ImageJudge,
    how: Fit,
    focus: Focus = CENTRE,
    *,
    account: str = DEFAULT_ACCOUNT,
    asset: Asset = Asset.PROFILE_PICTURE,
) -> Finding:
    """Judge the file at `path` as for a job of `account` that makes it `asset`."""
    size = found = pixels = None
    has_location = False
    try:
        size, data = _read(path, images.limits(asset).before_fitting.byte_limit)
        found = recognise(data)
        if isinstance(found, ImageFormat):
            with suppress(ImageRejected):
                layout = parse(data, found)
                pixels = layout.size
                has_location = layout.has_location or _XMP_LOCATION in data
        if size > len(data):
            raise too_large(size, images.read_limit(how, asset))
        verdict: ValidImage | ImageRejected = images.judge(
            data, how, focus=focus, account=account, asset=asset
        )
    except ImageRejected as rejected:
        verdict = rejected
    label = found.label if isinstance(found, ImageFormat) else found
    is_sent = isinstance(verdict, ValidImage) and not verdict.fitted
    return Finding(path, size, label, pixels, verdict, has_location and is_sent)


def _read(path: Path, limit: int) -> tuple[int, bytes]:
    """How long the file is, and as much of it as could be an image."""
    try:
        # Not blocking: a pipe that nobody writes to is refused, not waited for.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(file, "rb", closefd=True) as stream:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise ImageRejected(OutcomeCode.IMAGE_UNREADABLE, "It is not a regular file.")
            data = stream.read(limit)
            return max(status.st_size, len(data)), data
    except IsADirectoryError as error:
        raise ImageRejected(OutcomeCode.IMAGE_UNREADABLE, "It is a folder.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageRejected(OutcomeCode.IMAGE_NOT_FOUND, "There is no such file.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageRejected(
            OutcomeCode.IMAGE_UNREADABLE, f"It cannot be read: {reason}."
        ) from error
