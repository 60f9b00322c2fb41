"""Lets a job wait for an image that is on its way into its store.

A file may appear a moment after its job was enqueued, since a network file system shows it late,
or may still be being written. The job then waits in Redis, and uses up no attempt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from facelift.codes import OutcomeCode
from worker.delivery.run import Run
from worker.errors import ImageNotReady, ImageRejected
from worker.stores import Aging, ImageStore

_INCOMPLETE = {
    OutcomeCode.IMAGE_CHANGED,
    OutcomeCode.IMAGE_EMPTY,
    OutcomeCode.IMAGE_NOT_AN_IMAGE,
    OutcomeCode.IMAGE_TRUNCATED,
}
"""What half a file may be refused as."""
_WAITS = {OutcomeCode.IMAGE_NOT_FOUND, *_INCOMPLETE}


@dataclass(frozen=True, slots=True)
class ImageGrace:
    """How long a job waits for its image.

    Attributes:
        seconds: from the first time that the image was not ready; a file that has not changed
            for as long is complete.
    """

    seconds: float

    @contextmanager
    def given(self, run: Run, store: ImageStore, path: str) -> Iterator[None]:
        """Read and judge the image in the block.

        Raises:
            ImageNotReady: the block refused the image, which may change soon.
        """
        try:
            yield
        except ImageRejected as rejection:
            if self._is_over(run) or not self._may_change(store, path, rejection.code):
                raise
            raise ImageNotReady(rejection.code, rejection.sentence) from rejection

    def _is_over(self, run: Run) -> bool:
        since = run.started_at
        for attempt in reversed(run.record.attempts):
            if attempt.counted or attempt.code not in _WAITS:
                break
            since = attempt.started_at
        return run.now - since >= self.seconds

    def _may_change(self, store: ImageStore, path: str, code: OutcomeCode) -> bool:
        if code is OutcomeCode.IMAGE_NOT_FOUND:
            return True
        if code not in _INCOMPLETE or not isinstance(store, Aging):
            return False
        age = store.age(path)
        return age is not None and age < self.seconds
