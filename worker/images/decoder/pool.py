"""The decoders of a worker process: who asks them when, and what it means if one dies."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from facelift.codes import OutcomeCode
from facelift.fit import CENTRE, Fit, Focus
from facelift.units import show_duration
from worker.errors import ImageRejected
from worker.images.cost import Cost
from worker.images.decoder.messages import Head, decode_answer, encode, encode_limits
from worker.images.decoder.process import DecoderEnded, DecoderProcess
from worker.images.line import Line, Proceed
from worker.images.validate import ImageLimits, ValidImage

log = logging.getLogger(__name__)

_PROCESSES = 2  # one of them for light images only
_IMAGES = 100  # until a process is replaced, whatever its libraries leaked
_PATIENCE = 3  # times the time limit: by the clock, where processors are busy


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What an image may take.

    Attributes:
        memory: bytes.
        seconds: of processor time; three times that by the clock.
    """

    memory: int = 400_000_000
    seconds: float = 20.0


class Decoders:
    """Up to two processes, started when they are needed; safe to share among threads.

    Args:
        limits: for each image.
        longest_line: how many images may wait; of heavy ones only one may.
        start: starts a process.
    """

    def __init__(
        self,
        limits: DecoderLimits,
        longest_line: int,
        start: Callable[[int], DecoderProcess] = DecoderProcess,
    ) -> None:
        self._limits = limits
        self._start = start
        self._line = Line(_PROCESSES, longest=longest_line, longest_heavy=1)
        self._idle: list[DecoderProcess] = []
        self._lock = threading.Lock()

    def judge(
        self,
        data: bytes,
        limits: ImageLimits,
        how: Fit,
        cost: Cost,
        proceed: Proceed,
        *,
        focus: Focus = CENTRE,
    ) -> ValidImage:
        """Have a process do `fit`; one whose process dies gets a second one.

        Args:
            data: the file.
            limits: what an image must satisfy.
            how: whether it may be changed.
            cost: of the image.
            proceed: called meanwhile; what it raises ends the process.
            focus: what a crop keeps.

        Raises:
            ImageRejected: as `fit` does, or the image takes more than it may.
            WorkerBusy: too many others wait.
            OSError, RuntimeError: no process can be started, or a defect.
        """
        cost.check(self._limits.memory)
        head = {
            "how": how,
            "focus": focus,
            "limits": encode_limits(limits),
            "seconds": self._limits.seconds,
        }
        with self._line.turn(proceed, is_heavy=cost.is_heavy):
            try:
                return self._once(head, data, limits, proceed)
            except DecoderEnded as ended:
                log.warning("a decoder ended over an image, which gets another: %s", ended)
                if ended.is_late:
                    raise self._too_costly(ended) from ended
            try:
                return self._once(head, data, limits, proceed)
            except DecoderEnded as ended:
                log.warning("a second decoder ended over the image: %s", ended)
                raise self._too_costly(ended) from ended

    def close(self) -> None:
        """End the processes that wait; those that decode end with the worker."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def _once(self, head: Head, data: bytes, limits: ImageLimits, proceed: Proceed) -> ValidImage:
        process = self._take()
        try:
            patience = _PATIENCE * self._limits.seconds
            answer, body = process.ask(encode(head, data), limits.byte_limit, patience, proceed)
            image = decode_answer(answer, body, data)
        except ImageRejected:
            self._give_back(process)
            raise
        except MemoryError as error:
            process.end()
            raise DecoderEnded("it ran out of memory") from error
        except BaseException:
            process.end()
            raise
        self._give_back(process)
        return image

    def _take(self) -> DecoderProcess:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return self._start(self._limits.memory)
            if process.is_idle:
                return process
            process.end()  # it ended because nobody asked

    def _give_back(self, process: DecoderProcess) -> None:
        if process.images >= _IMAGES:
            process.end()
            return
        with self._lock:
            self._idle.append(process)

    def _too_costly(self, ended: DecoderEnded) -> ImageRejected:
        if ended.is_late:
            seconds = show_duration(self._limits.seconds)
            most = f"more than {seconds} of processor time, or {_PATIENCE} times that by the clock"
        else:
            most = f"more than {self._limits.memory // 1_000_000} MB of memory, or ends the decoder"
        return ImageRejected(OutcomeCode.IMAGE_TOO_COSTLY, f"To decode the image takes {most}.")
