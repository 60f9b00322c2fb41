from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelift.units import Rate


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [
        ("100/10s", 100, 10),
        ("1/100ms", 1, 0.1),
        ("5/1.5 s", 5, 1.5),
        ("3/10", 3, 10),
        ("1000000/1d", 1_000_000, 86_400),
        ("007/1min", 7, 60),
    ],
)
def test_what_people_write_is_read(text: str, requests: int, seconds: float) -> None:
    assert Rate.parse(text) == Rate(requests, seconds)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("", "requests/duration, such as 100/10s"),
        ("off", "requests/duration, such as 100/10s"),
        ("100", "requests/duration, such as 100/10s"),
        ("100/", "requests/duration, such as 100/10s"),
        ("/10s", "requests/duration, such as 100/10s"),
        ("-1/10s", "requests/duration, such as 100/10s"),
        ("1.5/10s", "requests/duration, such as 100/10s"),
        ("٣/10s", "requests/duration, such as 100/10s"),
        ("100/10s/2", "requests/duration, such as 100/10s"),
        ("100/soon", "requests/duration, such as 100/10s"),
        ("1" + "0" * 5_000 + "/10s", "requests/duration, such as 100/10s"),
        ("0/10s", "from 1 to 1000000 requests"),
        ("1000001/10s", "from 1 to 1000000 requests"),
        ("100/0s", "a window from 100ms to 1d"),
        ("100/99ms", "a window from 100ms to 1d"),
        ("100/2d", "a window from 100ms to 1d"),
    ],
)
def test_invalid_rate_names_a_valid_one(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=right):
        Rate.parse(text)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 0])
def test_no_rate_has_a_window_that_is_none(seconds: float) -> None:
    with pytest.raises(ValueError, match="window"):
        Rate(1, seconds)


@given(st.integers(1, 1_000_000), st.integers(1, 86_400))
def test_what_is_shown_can_be_read(requests: int, seconds: int) -> None:
    rate = Rate(requests, seconds)
    assert Rate.parse(str(rate)) == rate


@given(st.text(st.characters(codec="utf-8")))
def test_whatever_is_written_is_a_rate_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert Rate.parse(text).requests > 0
