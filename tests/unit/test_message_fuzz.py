"""No queue entry raises anything but a refusal; `python -m tests.fuzz_messages 3600` goes on."""

from __future__ import annotations

import time

import pytest

from tests.fuzz_messages import fuzz


@pytest.mark.parametrize(
    ("seconds", "seed"),
    [(3.0, 1), pytest.param(60.0, None, marks=pytest.mark.nightly)],
)
def test_every_entry_is_taken_within_bounds_or_refused_with_a_sentence(
    seconds: float, seed: int | None
) -> None:
    counts = fuzz(seconds, time.time_ns() if seed is None else seed)
    assert {"taken", "refused", "invalid"} <= counts.keys()
