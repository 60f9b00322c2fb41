from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelift.units import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0.5", 0.5),
        ("500ms", 0.5),
        ("30s", 30),
        ("1.5 s", 1.5),
        ("5min", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("0", 0),
    ],
)
def test_what_people_write_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "soon",
        "-1",
        "+1",
        "1e3",
        ".5",
        "1.",
        "nan",
        "inf",
        "5m",
        "1h30min",
        "1 h ",
        "٣",
    ],
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.5, "0.5s"), (90, "90s"), (120, "2min"), (86_400, "1d"), (2_592_000, "30d")],
)
def test_a_duration_is_shown_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


@given(st.integers(min_value=0, max_value=999_999))
def test_what_is_shown_can_be_read(seconds: int) -> None:
    assert parse_duration(show_duration(seconds)) == seconds


@given(st.text())
def test_no_text_raises(text: str) -> None:
    parse_duration(text)
