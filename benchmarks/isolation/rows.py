"""The rows of the isolation table: each trouble, and what must hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from benchmarks.isolation.judge import (
    all_delivered,
    delay,
    extra,
    import_goes_on,
    outage,
    share_of,
    small_batch,
)
from benchmarks.isolation.rules import Rule
from benchmarks.isolation.scenario import Load, Row, Scenario, goods

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.isolation.scenario import Judge

_ALWAYS_500 = (Rule(prefix="bad", status=500),)
_SILENT = (Rule(prefix="bad", status=0),)
_AFTER_28 = (Rule(prefix="bad", takes=28),)
_LATE = 120
_BACKLOG = 2_000
_MANY, _FEW = 100, 25


def _beside(name: str, bad: int, account: str, rules: tuple[Rule, ...]) -> Scenario:
    """Good uploads from the first second on, and two minutes later, beside bad chatbots."""
    loads = (Load(name="bad", jobs=bad, account=account), *goods(0, _LATE))
    # So that they still fail two minutes later: by default most have ended by then.
    return Scenario(name=name, loads=loads, rules=rules, seconds=_LATE + 70, attempts=100)


def _bad_chatbots(what: str, rules: tuple[Rule, ...], name: str, *counts: int) -> list[Row]:
    rows = []
    for account, where, limit in (
        ("a", "same account", 0.5 if rules == _ALWAYS_500 else 1.0),
        ("b", "another account", 0.2 if rules == _ALWAYS_500 else 0.3),
    ):
        other = "" if account == "a" else "-other"
        for count in counts:
            own = _beside(f"{name}{count}{other}", count, account, rules)
            healthy = replace(own, name=f"healthy{count}{other}", rules=())
            rows += [
                Row(
                    trouble=f"{count:,} chatbots {what}, {where}, {when}",
                    scenarios=(own, healthy),
                    must=f"extra under {limit:g} s",
                    judge=extra(own, healthy, f"good{begin}", limit),
                )
                for begin, when in ((0, "from the first second on"), (_LATE, "two minutes later"))
            ]
    return rows


def _imports() -> list[Row]:
    rows = []
    import_ = Load(name="import", jobs=10_000, batch="import")
    for what, name, rules in (
        ("", "import", ()),
        (
            ", 30% of them always 500",
            "import-poison",
            (Rule(prefix="import", tenths=3, status=500),),
        ),
        (
            ", 30% of them never answered",
            "import-hang",
            (Rule(prefix="import", tenths=3, status=0),),
        ),
    ):
        own = Scenario(name=name, loads=(import_, *goods(0, 60)), rules=rules, seconds=125)
        trouble = f"10,000 jobs of another batch of the same account{what}"
        rows += [
            Row(
                trouble=f"{trouble}, {when}",
                scenarios=(own,),
                must="delay under 0.5 s",
                judge=delay(own, f"good{begin}", 0.5),
            )
            for begin, when in ((0, "from the first second on"), (60, "a minute later"))
        ]
        if rules:
            rows.append(
                Row(
                    trouble=f"{trouble}: the import's good part",
                    scenarios=(own,),
                    must="half of the rate or more",
                    judge=import_goes_on(own, 0.5),
                )
            )
    return rows


def _unlimited() -> list[Row]:
    own = Scenario(
        name="unlimited",
        loads=(
            Load(name="import", jobs=15_000, batch="import"),
            Load(name="same", jobs=40, every=0.5, at=2),
            Load(name="other", jobs=40, every=0.5, at=2.25, account="b"),
        ),
        seconds=90,
        rate="off",
        alone=True,
        until="import",
    )
    return [
        Row(
            trouble=f"no rate limit, 15,000 jobs of a batch: single uploads of {whose} account",
            scenarios=(own,),
            must="delay under 1 s",
            judge=delay(own, load, 1.0),
        )
        for load, whose in (("same", "the same"), ("other", "another"))
    ]


def _neighbours() -> list[Row]:
    rows = []
    for name, trouble, load in (
        (
            "jobs10000",
            "10,000 jobs of another account",
            Load(name="mass", jobs=10_000, account="b"),
        ),
        (
            "made-up",
            "50,000 jobs under as many made-up accounts",
            Load(name="mass", jobs=50_000, account="made-up"),
        ),
        (
            "drip",
            "a store that drips, 1,000 jobs of a batch of the same account",
            Load(name="mass", jobs=1_000, image="drip:image.jpg", batch="import"),
        ),
        (
            "drip-other",
            "the same, of another account",
            Load(name="mass", jobs=1_000, image="drip:image.jpg", account="b"),
        ),
        (
            "images",
            "300 of the worst accepted images, another account",
            Load(name="mass", jobs=300, image="media:worst.png", account="b"),
        ),
        (
            "images-same",
            "the same, of a batch of the same account",
            Load(name="mass", jobs=300, image="media:worst.png", batch="import"),
        ),
        (
            "images-fit",
            "100 of the worst images to be fitted, another account",
            Load(name="mass", jobs=100, image="media:wide.png", fit="pad", account="b"),
        ),
    ):
        own = Scenario(
            name=name, loads=(replace(load, at=5), *goods(2)), seconds=68, alone="drip" not in name
        )
        rows.append(
            Row(
                trouble=trouble,
                scenarios=(own,),
                must="delay under 0.5 s",
                judge=delay(own, "good2", 0.5),
            )
        )
    return rows


def _first_three() -> list[Row]:
    own = Scenario(
        name="first3",
        loads=(Load(name="bad", jobs=40),),
        rules=(Rule(times=3, status=500),),
        seconds=60,
        rate="off",
        until="bad",
    )
    plain = own.by("plain")
    return [
        Row(
            trouble="40 chatbots, first three uploads 500, no rate limit",
            scenarios=(own, plain),
            must="all delivered within 12 s",
            judge=all_delivered(own, "bad", 12, plain),
        )
    ]


def _slow() -> list[Row]:
    rows = []
    kinds = [
        *((f"slow{s}", f"every answer takes {s} s", Rule(takes=s), 150) for s in (6, 10, 20)),
        *(
            (f"slower{s}", f"{s} s from the 40th second on", Rule(begin=40, takes=s), 150)
            for s in (3, 8, 15, 25)
        ),
        *(
            (f"lost{q}", f"{q}% never answered", Rule(share=q / 100, status=0), 150)
            for q in (10, 30, 60)
        ),
    ]
    for slots in (_MANY, _FEW):
        for name, what, rule, seconds in kinds:
            own = Scenario(
                name=f"{name}-{2 * slots}slots",
                loads=(Load(name="all", jobs=_BACKLOG),),
                rules=(rule,),
                seconds=seconds,
                slots=slots,
            )
            plain = own.by("plain")
            rows.append(
                Row(
                    trouble=f"{what}, {2 * slots} slots",
                    scenarios=(own, plain),
                    must="85% of what plain backoff delivers",
                    judge=share_of(own, plain, 0.85),
                )
            )
    return rows


def _brown_outs() -> list[Row]:
    rows = []
    for percent in (30, 60, 90):
        own = Scenario(
            name=f"brown{percent}",
            loads=(Load(name="all", jobs=10_000),),
            rules=(Rule(share=percent / 100, status=500),),
            seconds=300,
        )
        plain = own.by("plain")
        closed = percent < 90  # noqa: PLR2004 - as a percentage
        rows.append(
            Row(
                trouble=f"a brown-out: {percent}% of answers are 500",
                scenarios=(own, plain),
                must="90% of what plain backoff delivers" + (", breaker closed" if closed else ""),
                judge=share_of(own, plain, 0.9, closed=closed),
            )
        )
    return rows


def _outages() -> list[Row]:
    rows = []
    for name, what, rule in (
        ("outage", "answers 503", Rule(begin=25, end=85, status=503)),
        ("gone", "resets every connection", Rule(begin=25, end=85, status=-1)),
    ):
        for arrivals in (0, 5):
            fresh = [Load(name="new", jobs=500, at=20, every=0.2)] if arrivals else []
            own = Scenario(
                name=f"{name}-arrivals" if arrivals else name,
                loads=(Load(name="all", jobs=10_000), *fresh),
                rules=(rule,),
                seconds=135,
                outage=(25, 85),
            )
            rows.append(
                Row(
                    trouble=f"an outage of 60 s ({what}), 10,000 jobs, {arrivals} arrivals/s",
                    scenarios=(own,),
                    must="45 requests after its first 10 s, no attempts used up, first delivery "
                    "within 7 s, none refused, 98% of the rate",
                    judge=outage(own),
                )
            )
    return rows


def _rest() -> list[Row]:
    batches = Scenario(
        name="batches",
        loads=(
            Load(name="alone", jobs=10, batch="alone"),
            Load(name="large", jobs=1_000, batch="large", at=15),
            Load(name="small", jobs=10, batch="small", at=17),
        ),
        seconds=40,
    )
    slow = Scenario(
        name="slow300",
        loads=(Load(name="bad", jobs=300),),
        rules=_AFTER_28,
        seconds=420,
        until="bad",
    )
    one_key = Scenario(
        name="one-key",
        loads=(Load(name="one", jobs=300), Load(name="two", jobs=300, account="same")),
        seconds=45,
    )
    return [
        Row(
            trouble="batches of 1,000 and 10",
            scenarios=(batches,),
            must="the small one within twice its time alone",
            judge=small_batch(batches),
        ),
        Row(
            trouble="300 chatbots that answer after 28 s",
            scenarios=(slow,),
            must="all delivered in the end",
            judge=all_delivered(slow, "bad", 420),
        ),
        Row(
            trouble="two accounts with one API key, 300 jobs each",
            scenarios=(one_key,),
            must="nothing refused",
            judge=lambda results: (
                f"{results['one-key']['refused']} of {results['one-key']['requests']} refused",
                not results["one-key"]["refused"],
            ),
        ),
    ]


ROWS = (
    *_bad_chatbots("always 500", _ALWAYS_500, "poison", 15, 60, 300),
    *_bad_chatbots("never answer", _SILENT, "hang", 300),
    *_bad_chatbots("answer after 28 s", _AFTER_28, "slow", 1_000),
    *_imports(),
    *_unlimited(),
    *_neighbours(),
    *_first_three(),
    *_slow(),
    *_brown_outs(),
    *_outages(),
    *_rest(),
)


@dataclass(frozen=True, slots=True)
class Beside:
    """One line of the comparison with other queues, which have no rate limit of their pool.

    Attributes:
        trouble: what happens.
        name: of the scenario.
        measure: from the scenario to how it is judged.
    """

    trouble: str
    name: str
    measure: Callable[[Scenario], Judge]

    def by(self, queue: str) -> Row:
        """The line by one of the queues."""
        own = scenario_named(self.name if queue == "facelift" else f"{self.name}@{queue}")
        return Row(trouble=self.trouble, scenarios=(own,), must="", judge=self.measure(own))


QUEUES = {"facelift": "Facelift", "celery": "Celery with retry", "saq": "saq"}
BESIDE = (
    Beside(
        "300 chatbots always 500, from the first second on: delay of the others",
        "poison300",
        lambda own: delay(own, "good0", inf),
    ),
    Beside(
        "300 chatbots never answer, from the first second on: delay of the others",
        "hang300",
        lambda own: delay(own, "good0", inf),
    ),
    Beside(
        "40 chatbots, first three uploads 500, no rate limit",
        "first3",
        lambda own: all_delivered(own, "bad", inf),
    ),
    Beside(
        "no rate limit, 15,000 jobs: delay of single uploads beside them",
        "unlimited",
        lambda own: delay(own, "same", inf),
    ),
)

_SCENARIOS = {each.name: each for row in ROWS for each in row.scenarios}


def scenario_named(name: str) -> Scenario:
    """The scenario of this name; `name@queue` plays it by another queue."""
    if found := _SCENARIOS.get(name):
        return found
    name, _, queue = name.partition("@")
    return _SCENARIOS[name].by(queue)
