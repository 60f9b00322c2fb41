"""Durations as people write them: `500ms`, `30s` or `30`, `5min`, `24h`, `7d`."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?({'|'.join(_UNITS)})?")


def parse_duration(text: str) -> float | None:
    """Seconds; None if it is no duration."""
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _UNITS[match[2] or "s"] if match else None


def show_duration(seconds: float) -> str:
    """The same in the largest unit that needs no fraction, else in seconds."""
    unit = next((u for u in reversed(_UNITS) if seconds and seconds % _UNITS[u] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"
