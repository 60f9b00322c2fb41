"""Play many scenarios: groups side by side, those that need the whole machine alone."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click

from benchmarks.images import write_images
from benchmarks.isolation.images import write_worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.isolation.scenario import Row, Scenario

PARALLEL = 22.0
"""Runs side by side, on two cores."""

_WEIGHT_OF_PLAIN = 0.25  # it has no Redis and no workers
_PAUSE = 3.0
_STAGGER = 1.0


def groups(scenarios: Iterable[Scenario], most: float) -> list[list[Scenario]]:
    """Scenarios of similar length that are played side by side, `most` at once."""
    found: list[list[Scenario]] = []
    weight = most
    for each in sorted(scenarios, key=lambda scenario: (scenario.alone, -scenario.seconds)):
        own = most if each.alone else _WEIGHT_OF_PLAIN if each.queue == "plain" else 1.0
        if weight + own > most:
            found.append([])
            weight = 0.0
        found[-1].append(each)
        weight += own
    return found


def scenarios_of(rows: Iterable[Row]) -> dict[str, Scenario]:
    """All runs that the rows need, by name."""
    return {each.name: each for row in rows for each in row.scenarios}


def sit(
    scenarios: Iterable[Scenario],
    seconds: float | None = None,
    keep: Path | None = None,
    *,
    most: float = PARALLEL,
) -> Iterator[dict[str, Any]]:
    """Play scenarios in groups; yields the results of those that work.

    Args:
        scenarios: in any order.
        seconds: after which each ends, if not before.
        keep: where the workers' logs and the endpoint's records go.
        most: how many side by side.
    """
    with tempfile.TemporaryDirectory(prefix="facelift-isolation-") as folder:
        media = Path(folder)
        write_images(media)
        write_worst(media)
        for group in groups(scenarios, most):
            yield from _play(group, media, seconds, keep)


def _play(
    scenarios: Sequence[Scenario], media: Path, seconds: float | None, keep: Path | None
) -> Iterator[dict[str, Any]]:
    """Play a group: once all have started, one begins after the other. Yields their results."""
    players: list[_Player] = []
    try:
        players.extend(_Player(scenario, media, seconds, keep) for scenario in scenarios)
        for player in players:
            player.wait_until_started()
        time.sleep(_PAUSE)  # what started last is still busy
        for player in players:
            player.go()
            time.sleep(_STAGGER)  # bursts at one time would delay each other
        for player in players:
            if result := player.result():
                yield result
    finally:
        for player in players:
            player.stop()


class _Player:
    """A scenario's process."""

    def __init__(
        self, scenario: Scenario, media: Path, seconds: float | None, keep: Path | None
    ) -> None:
        self._name = scenario.name
        arguments = [scenario.name, str(media), str(seconds or ""), str(keep or "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.isolation.run", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._input = cast("IO[str]", self._process.stdin)
        self._output = cast("IO[str]", self._process.stdout)

    def wait_until_started(self) -> None:
        self._output.readline()

    def go(self) -> None:
        if self._process.poll() is None:
            self._input.write("go\n")
            self._input.flush()

    def result(self) -> dict[str, Any] | None:
        line = self._output.readline()
        if not line:
            click.echo(f"isolation {self._name}: failed", err=True)
            return None
        return dict(json.loads(line))

    def stop(self) -> None:
        self._input.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._output.close()
