"""Filling the marked places of docs/performance.md."""

from __future__ import annotations

import pytest

from benchmarks.report.places import filled

_PAGE = """Before
<!-- bench: speed -->
old
<!-- /bench -->
between
<!-- bench: growth -->
kept
<!-- /bench -->
"""


def test_a_place_is_filled_and_the_rest_left_alone() -> None:
    assert filled(_PAGE, {"speed": r"new \1"}) == _PAGE.replace("old", r"new \1")


def test_filling_twice_replaces() -> None:
    assert filled(filled(_PAGE, {"speed": "1"}), {"speed": "2"}) == filled(_PAGE, {"speed": "2"})


def test_a_missing_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for latency"):
        filled(_PAGE, {"latency": "1"})
