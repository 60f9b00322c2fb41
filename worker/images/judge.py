"""Judge an image for a job: what would be sent, or why nothing would.

Parsing, and the proof of an ordinary PNG or JPEG, cost some milliseconds and happen in the
caller's thread. Whatever is decoded or drawn is so in a child process, see `decoder/`.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from facelift.asset import Asset
from facelift.fit import CENTRE, Fit, Focus
from facelift.job import DEFAULT_ACCOUNT
from worker.images.cost import LARGEST_SIDE, cost_of, is_cheap_to_prove, pixels
from worker.images.decoder import Decoders
from worker.images.fit import parse_to_fit, read_limit
from worker.images.formats import ImageFormat
from worker.images.line import Line, Proceed
from worker.images.metadata import without_metadata
from worker.images.validate import (
    ImageLimits,
    ValidImage,
    prove,
    too_large,
)

_FILES = 4  # that may be fitted, each up to 20 MB, are in memory at a time
_SMALL = 1_000_000  # pixels; the proof of a PNG takes some milliseconds
_CORES = os.cpu_count() or 1


class ImageJudge:
    """Judges images; all threads of a worker share one.

    Args:
        limits: what the images of each asset must satisfy, or those of all.
        decoders: the child processes that decode.
        longest_line: how many jobs may wait with an image that may be fitted.
        strips: whether an image of an account that is not fitted loses its metadata.

    """

    def __init__(
        self,
        limits: ImageLimits | Mapping[Asset, ImageLimits],
        decoders: Decoders,
        longest_line: int,
        *,
        strips: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._limits = dict.fromkeys(Asset, limits) if isinstance(limits, ImageLimits) else limits
        self._decoders = decoders
        self._strips = strips
        self._files = Line(_FILES, longest=longest_line)
        self._proofs = Line(_CORES + 1, _CORES)

    def room(self, how: Fit, proceed: Proceed) -> AbstractContextManager[None]:
        """Enter before you read a file; it waits if that may be fitted, and many others are.

        Raises:
            WorkerBusy: too many wait already.
        """
        return nullcontext() if how is Fit.STRICT else self._files.turn(proceed)

    def limits(self, asset: Asset) -> ImageLimits:
        """What the images of an asset must satisfy."""
        return self._limits[asset]

    def read_limit(self, how: Fit, asset: Asset = Asset.PROFILE_PICTURE) -> int:
        """How many bytes of an image file are worth reading."""
        return read_limit(self._limits[asset], how)

    def close(self) -> None:
        """End the child processes that nobody uses."""
        self._decoders.close()

    def judge(
        self,
        data: bytes,
        how: Fit,
        proceed: Proceed = lambda: None,
        *,
        focus: Focus = CENTRE,
        account: str = DEFAULT_ACCOUNT,
        asset: Asset = Asset.PROFILE_PICTURE,
    ) -> ValidImage:
        """The image that may be sent: `data`, with or without metadata, or what `how` allows.

        Args:
            data: the file.
            how: whether it may be changed.
            proceed: called while this waits; what it raises ends that.
            focus: what a crop keeps.
            account: whose image it is.
            asset: what it is to become.

        Raises:
            ImageRejected: it cannot be sent, and may not or cannot be changed so that it can;
                or it costs too much to decode.
            WorkerBusy: too many others are waiting to be decoded.
        """
        limits = self._limits[asset]
        image = self._judge(data, limits, how, focus, proceed)
        strips = image.data is data and self._strips(account)
        return _stripped(image, limits.byte_limit) if strips else image

    def _judge(
        self, data: bytes, limits: ImageLimits, how: Fit, focus: Focus, proceed: Proceed
    ) -> ValidImage:
        layout, draws = parse_to_fit(data, limits, how)
        if not draws and is_cheap_to_prove(layout):
            is_heavy = layout.format is ImageFormat.PNG and pixels(layout) > _SMALL
            with self._proofs.turn(proceed, is_heavy=is_heavy):
                prove(layout)
            return ValidImage(data, layout.format, layout.size[0])
        largest = limits.fit_size or LARGEST_SIDE
        cost = cost_of(layout, len(data), how if draws else Fit.STRICT, largest)
        return self._decoders.judge(data, limits, how, cost, proceed, focus=focus)


def _stripped(image: ValidImage, limit: int) -> ValidImage:
    """The image without its metadata, which must still be under the limit in bytes."""
    bare = without_metadata(image.data, image.format)
    if bare is image.data:
        return image
    size = len(bare)
    if size >= limit:  # such as a PNG without an end, which was given one
        raise too_large(size, limit)
    change = f"stripped: {len(image.data):,} \N{RIGHTWARDS ARROW} {size:,} bytes"
    return replace(image, data=bare, fitted=change)
