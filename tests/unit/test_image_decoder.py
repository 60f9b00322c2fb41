"""Decoders: real child processes, what they may take, and what their end means."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from facelift.fit import CENTRE, Fit
from tests.costly_images import (
    flat_png,
    flat_webp,
    many_scans,
    profiled_png,
    slow_profile,
)
from tests.images import WHOLE, draw, encode
from worker.errors import ImageRejected, Interrupted
from worker.images.cost import Cost
from worker.images.decoder import DecoderLimits, Decoders
from worker.images.decoder.messages import encode as encode_message
from worker.images.decoder.messages import encode_limits
from worker.images.decoder.process import DecoderEnded, DecoderProcess
from worker.images.fit import fit
from worker.images.formats import ImageFormat
from worker.images.judge import ImageJudge
from worker.images.validate import ImageLimits, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.images.line import Proceed
    from worker.images.validate import ValidImage

LIMITS = ImageLimits()
ALL_FORMATS = ImageLimits(formats=frozenset(ImageFormat))
WIDE = encode(draw(40, 30), "PNG")
LIGHT = Cost(1, is_heavy=False)

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Started:
    """Decoders, and all the processes they started."""

    def __init__(self, limits: DecoderLimits) -> None:
        self.processes: list[DecoderProcess] = []
        self.decoders = Decoders(limits, 5, self._start)

    def _start(self, memory: int) -> DecoderProcess:
        self.processes.append(DecoderProcess(memory))
        return self.processes[-1]

    def fit(
        self, data: bytes = WIDE, proceed: Proceed = lambda: None, limits: ImageLimits = LIMITS
    ) -> ValidImage:
        return self.decoders.judge(data, limits, Fit.CROP, LIGHT, proceed)

    @property
    def last(self) -> int:
        return self.processes[-1].pid


@pytest.fixture
def make() -> Iterator[Callable[..., Started]]:
    made: list[Started] = []

    def start(memory: int = 400_000_000, seconds: float = 20.0) -> Started:
        made.append(Started(DecoderLimits(memory, seconds)))
        return made[-1]

    yield start
    for each in made:
        each.decoders.close()


def refusal(started: Started, data: bytes = WIDE, proceed: Proceed = lambda: None) -> str:
    with pytest.raises(ImageRejected) as caught:
        started.fit(data, proceed)
    assert caught.value.code is OutcomeCode.IMAGE_TOO_COSTLY
    return caught.value.sentence


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_decoder_answers_what_fit_answers_in_one_process(make: Callable[..., Started]) -> None:
    started = make()
    assert started.fit() == fit(WIDE, LIMITS, Fit.CROP)
    same = WHOLE["webp"]
    assert started.fit(same, limits=ALL_FORMATS) == validate(same, ALL_FORMATS)
    with pytest.raises(ImageRejected) as caught:
        started.fit(WIDE[:-30])
    assert caught.value.code is OutcomeCode.IMAGE_TRUNCATED
    assert len(started.processes) == 1


def test_a_decoder_that_dies_is_replaced_and_its_image_gets_a_second(
    make: Callable[..., Started],
) -> None:
    started = make()
    started.fit()
    first = started.last
    os.kill(first, signal.SIGSTOP)

    def kill() -> None:
        if started.last == first:
            os.kill(first, signal.SIGKILL)

    assert started.fit(proceed=kill) == fit(WIDE, LIMITS, Fit.CROP)
    assert len(started.processes) == 2


def test_an_image_over_which_two_decoders_die_is_refused(make: Callable[..., Started]) -> None:
    started = make()

    def kill() -> None:
        if started.processes[-1].images:  # and not while it starts
            os.kill(started.last, signal.SIGKILL)

    assert "ends the decoder" in refusal(started, many_scans(3000), kill)
    assert len(started.processes) == 2
    assert started.fit().side == 30


def test_a_decoder_that_cannot_start_is_not_the_images_fault(make: Callable[..., Started]) -> None:
    started = make()
    with pytest.raises(RuntimeError, match="a decoder did not start: it died: signal SIGKILL"):
        started.fit(proceed=lambda: os.kill(started.last, signal.SIGKILL))


@on_linux
def test_a_decoder_that_computes_too_long_is_ended_by_the_kernel() -> None:
    process = DecoderProcess(400_000_000)
    head = {"how": Fit.CROP, "limits": encode_limits(LIMITS), "seconds": 0.05, "focus": CENTRE}
    with pytest.raises(DecoderEnded, match="it died: signal SIGXCPU") as caught:
        process.ask(encode_message(head, many_scans(3500)), 0, 60, lambda: None)
    assert caught.value.is_late
    process.end()


@on_linux
def test_a_decoder_that_hangs_is_killed_by_the_clock(make: Callable[..., Started]) -> None:
    started = make(seconds=0.1)
    started.fit()
    os.kill(started.last, signal.SIGSTOP)
    assert "times that by the clock" in refusal(started)
    assert len(started.processes) == 1, "it gets no second one"
    assert has_ended(started.last)
    assert started.fit().side == 30


@on_linux
def test_an_image_that_takes_too_much_memory_is_refused(make: Callable[..., Started]) -> None:
    started = make(memory=100_000_000)
    sentence = refusal(started, flat_png(5200, 5199, 2, 8))
    assert sentence.startswith("To decode the image takes more than 100 MB of memory")
    assert len(started.processes) == 2


def test_what_ends_the_wait_kills_the_decoder(make: Callable[..., Started]) -> None:
    started = make()
    started.fit()
    os.kill(started.last, signal.SIGSTOP)

    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        started.fit(proceed=stop)
    assert has_ended(started.last)


@on_linux
def test_decoders_see_no_secret_and_yield_to_the_worker(
    make: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELIFT_API_KEY", "a-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")
    started = make()
    started.fit()
    process = Path(f"/proc/{started.last}")
    assert b"a-secret" not in (process / "environ").read_bytes()
    assert (process / "oom_score_adj").read_text("ascii").strip() == "1000"
    assert os.getpriority(os.PRIO_PROCESS, started.last) > os.getpriority(os.PRIO_PROCESS, 0)


ORPHAN = """
import sys
from facelift.fit import Fit
from tests.costly_images import many_scans
from worker.images.cost import Cost
from worker.images.decoder import DecoderLimits, Decoders
from worker.images.decoder.messages import encode as encode_message
from worker.images.decoder.messages import encode_limits
from worker.images.decoder.process import DecoderEnded, DecoderProcess
from worker.images.validate import ImageLimits

def start(memory):
    process = DecoderProcess(memory)
    pids.append(process.pid)
    return process

pids = []
decoders = Decoders(DecoderLimits(), 5, start)
def judge(data, proceed=lambda: None):
    decoders.judge(data, ImageLimits(), Fit.CROP, Cost(1, False), proceed)
small, slow = many_scans(20), many_scans(3000)
judge(small)
judge(slow, lambda: print(*pids, flush=True))
"""


@on_linux
def test_a_decoder_dies_with_its_worker_even_while_it_computes() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    with worker.stdout as lines:
        pid = int(lines.readline())
        assert not has_ended(pid)
        worker.kill()
        worker.wait()
    until = time.monotonic() + 5
    while not has_ended(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


# Which images need a decoder


def never(_: int) -> DecoderProcess:
    pytest.fail("a decoder was started")


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpeg progressive"])
def test_ordinary_images_are_proven_without_a_decoder(kind: str) -> None:
    data = WHOLE.get(kind) or encode(draw(300, 300), "JPEG", progressive=True)
    judge = ImageJudge(LIMITS, Decoders(DecoderLimits(), 5, never), 5)
    assert judge.judge(data, Fit.STRICT) == judge.judge(data, Fit.PAD) == validate(data, LIMITS)


@pytest.mark.parametrize(
    ("data", "limits"),
    [(flat_webp(), ALL_FORMATS), (flat_webp(), LIMITS)],
    ids=["to prove", "to fit"],
)
def test_an_image_that_would_take_too_much_memory_needs_no_decoder(
    data: bytes, limits: ImageLimits
) -> None:
    assert len(data) < 40
    judge = ImageJudge(limits, Decoders(DecoderLimits(), 5, never), 5)
    with pytest.raises(ImageRejected) as caught:
        judge.judge(data, Fit.CROP)
    assert caught.value.code is OutcomeCode.IMAGE_TOO_COSTLY
    assert "MB of memory; at most 400 MB are allowed" in caught.value.sentence


def test_a_large_png_is_proven_by_a_decoder(make: Callable[..., Started]) -> None:
    started = make()
    judge = ImageJudge(LIMITS, started.decoders, 5)
    assert judge.judge(flat_png(3000, 3000, 0, 1), Fit.STRICT).side == 3000
    assert [each.images for each in started.processes] == [1]


def test_a_profile_that_would_keep_the_colour_engine_busy_costs_nothing(
    make: Callable[..., Started],
) -> None:
    data = profiled_png(slow_profile(500_000))
    assert len(data) < 7_000
    started = make()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started.fit(data)
    started.decoders.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 2
