"""Judge an image for a job: what would be sent, or why nothing would.

Parsing, and the proof of an ordinary PNG or JPEG, cost some milliseconds and happen in the
caller's thread. Whatever is decoded or drawn is so in a child process, see `decoder/`.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from facelift.fit import CENTRE, Fit, Focus
from facelift.job import DEFAULT_ACCOUNT
from worker.errors import ImageRejected
from worker.images.cost import cost_of, is_cheap_to_prove, pixels
from worker.images.decoder import Decoders
from worker.images.fit import FITTABLE, read_limit
from worker.images.formats import ImageFormat
from worker.images.line import Line, Proceed
from worker.images.metadata import without_metadata
from worker.images.validate import (
    ImageLimits,
    ValidImage,
    parse_to_send,
    parse_within,
    prove,
    too_large,
)

_FILES = 4  # that may be fitted, each up to 20 MB, are in memory at a time
_SMALL = 1_000_000  # pixels; the proof of a PNG takes some milliseconds
_CORES = os.cpu_count() or 1


class ImageJudge:
    """Judges images; all threads of a worker share one.

    Args:
        limits: what an image must satisfy.
        decoders: the child processes that decode.
        longest_line: how many jobs may wait with an image that may be fitted.
        strips: whether an image of an account that is not fitted loses its metadata.

    Attributes:
        limits: the same.
    """

    def __init__(
        self,
        limits: ImageLimits,
        decoders: Decoders,
        longest_line: int,
        *,
        strips: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.limits = limits
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

    def read_limit(self, how: Fit) -> int:
        """How many bytes of an image file are worth reading."""
        return read_limit(self.limits, how)

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
    ) -> ValidImage:
        """The image that may be sent: `data`, with or without metadata, or what `how` allows.

        Args:
            data: the file.
            how: whether it may be changed.
            proceed: called while this waits; what it raises ends that.
            focus: what a crop keeps.
            account: whose image it is.

        Raises:
            ImageRejected: it cannot be sent, and may not or cannot be changed so that it can;
                or it costs too much to decode.
            WorkerBusy: too many others are waiting to be decoded.
        """
        image = self._judge(data, how, focus, proceed)
        strips = image.data is data and self._strips(account)
        return self._stripped(image) if strips else image

    def _stripped(self, image: ValidImage) -> ValidImage:
        bare = without_metadata(image.data, image.format)
        if bare is image.data:
            return image
        size, limit = len(bare), self.limits.byte_limit
        if size >= limit:  # such as a PNG without an end, which was given one
            raise too_large(size, limit)
        change = f"stripped: {len(image.data):,} \N{RIGHTWARDS ARROW} {size:,} bytes"
        return replace(image, data=bare, fitted=change)

    def _judge(self, data: bytes, how: Fit, focus: Focus, proceed: Proceed) -> ValidImage:
        try:
            layout, drawn = parse_to_send(data, self.limits), Fit.STRICT
        except ImageRejected as rejected:
            if how is Fit.STRICT or rejected.code not in FITTABLE:
                raise
            layout, drawn = parse_within(data, self.limits.before_fitting), how
        if drawn is Fit.STRICT and is_cheap_to_prove(layout):
            is_heavy = layout.format is ImageFormat.PNG and pixels(layout) > _SMALL
            with self._proofs.turn(proceed, is_heavy=is_heavy):
                prove(layout)
            return ValidImage(data, layout.format, layout.size[0])
        cost = cost_of(layout, len(data), drawn)
        return self._decoders.judge(data, self.limits, how, cost, proceed, focus=focus)
