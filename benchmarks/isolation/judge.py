"""From the results of runs to what was reached, and whether it is what must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.isolation.scenario import Judge, Result, Results, Scenario

_REQUESTS_IN_OUTAGE, _FIRST_WITHIN, _RATE_USED = 45, 7.0, 0.98


def delay(own: Scenario, load: str, limit: float) -> Judge:
    """The delay of a load from enqueue to its 200."""
    return lambda results: _within(results[own.name]["delays"][load], limit)


def extra(own: Scenario, healthy: Scenario, load: str, limit: float) -> Judge:
    """The delay of a load beyond that of the same load in a healthy run."""

    def judge(results: Results) -> tuple[str, bool]:
        pairs = zip(
            results[own.name]["delays"][load], results[healthy.name]["delays"][load], strict=True
        )
        return _within([None if a is None else a - (b or 0.0) for a, b in pairs], limit)

    return judge


def _within(delays: Sequence[float | None], limit: float) -> tuple[str, bool]:
    known = sorted(each for each in delays if each is not None)
    if lost := len(delays) - len(known):
        return f"{lost} of {len(delays)} not delivered", False
    p50, p99 = known[len(known) // 2], known[int(0.99 * len(known))]
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s", p99 < limit


def import_goes_on(own: Scenario, share: float) -> Judge:
    """The deliveries of an import after its first seconds, as a share of the rate."""

    def judge(results: Results) -> tuple[str, bool]:
        used = results[own.name]["per_second"]["import"] / 10
        return f"{used:.0%} of the rate", used >= share

    return judge


def share_of(own: Scenario, plain: Scenario, share: float, *, closed: bool = False) -> Judge:
    """Deliveries beside those of plain backoff."""

    def judge(results: Results) -> tuple[str, bool]:
        ours, theirs = (sum(results[each.name]["delivered"].values()) for each in (own, plain))
        opened = results[own.name]["opened"]
        reached = f"{ours:,} of {theirs:,} ({ours / max(theirs, 1):.0%})"
        if opened:
            reached += f", breaker opened {opened} times"
        return reached, ours >= share * theirs and not (closed and opened)

    return judge


def all_delivered(own: Scenario, load: str, limit: float, plain: Scenario | None = None) -> Judge:
    """How long all of a load takes."""

    def judge(results: Results) -> tuple[str, bool]:
        reached, ok = _last(results[own.name], load)
        if plain:
            reached += f"; plain backoff: {_last(results[plain.name], load)[0]}"
        return reached, ok is not None and ok <= limit

    return judge


def _last(result: Result, load: str) -> tuple[str, float | None]:
    missing = result["jobs"][load] - result["delivered"][load]
    if missing:
        return f"{missing} of {result['jobs'][load]} not delivered", None
    return f"all after {result['last'][load]:.1f} s", result["last"][load]


def small_batch(own: Scenario) -> Judge:
    """A small batch beside a large one, by the time that it takes alone."""

    def judge(results: Results) -> tuple[str, bool]:
        result = results[own.name]
        if result["delivered"]["small"] < result["jobs"]["small"]:
            return "it does not end", False
        alone, small = (result["last"][load] for load in ("alone", "small"))
        small -= next(load.at for load in own.loads if load.name == "small")
        return f"{small:.1f} s, alone {alone:.1f} s", small <= 2 * alone

    return judge


def outage(own: Scenario) -> Judge:
    """All that an outage must hold."""

    def judge(results: Results) -> tuple[str, bool]:
        found = results[own.name]["outage"]
        first = found["first"]
        reached = (
            f"{found['requests_later']} requests, {found['attempts']} attempts, "
            f"{'no' if first is None else f'{first:.1f} s to the'} first delivery, "
            f"{results[own.name]['refused']} refused, {found['rate']:.1%} of the rate"
        )
        return reached, (
            found["requests_later"] <= _REQUESTS_IN_OUTAGE
            and not found["attempts"]
            and first is not None
            and first <= _FIRST_WITHIN
            and not results[own.name]["refused"]
            and found["rate"] >= _RATE_USED
        )

    return judge
