"""The measurements as SVG plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.peers import FACELIFT, PEERS
from benchmarks.report.tables import middle, pick

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.report.tables import Rows

# Text stays text, and the same figures give the same file. Readable on light and dark pages.
mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "facelift",
        "figure.facecolor": "white",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e4e4e8",
        "font.size": 9,
    }
)
_BESIDE = {"frameon": False, "loc": "center left", "bbox_to_anchor": (1, 0.5)}
_OURS, _OTHERS, _NO_QUEUE = "#7a3ff2", "#9aa3b2", "#d3d7df"


def speed(rows: Rows, file: Path) -> None:
    """Bars: throughput and its cost."""
    shown = [peer for peer in PEERS if pick(rows, "throughput", peer=peer.name)][::-1]
    figure, axes = plt.subplots(1, 3, figsize=(11, 0.9 + 0.28 * len(shown)), sharey=True)
    colours = [
        _OURS if peer.module == FACELIFT.module else _OTHERS if peer.queue else _NO_QUEUE
        for peer in shown
    ]
    for axis, value, title in zip(
        axes,
        ("rate", "cpu", "enqueue"),
        ("jobs/s", "worker CPU, ms a job", "enqueue/s, one at a time"),
        strict=True,
    ):
        bars = [middle(pick(rows, "throughput", peer=peer.name), value) or 0 for peer in shown]
        axis.barh([peer.name for peer in shown], bars, color=colours)
        axis.set_title(title)
    axes[1].set_xlim(0, 12)  # rq's would hide all others'
    _save(figure, file)


def scaling(rows: Rows, file: Path) -> None:
    """Lines: throughput by processes, and by jobs in flight."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4))
    fixed = 50
    for axis, label, other, at, title in (
        (axes[0], "processes", "concurrency", fixed, "worker processes, 50 in flight each"),
        (axes[1], "concurrency", "processes", 1, "jobs in flight, one process"),
    ):
        for peer in (peer for peer in PEERS if peer.scales):
            runs = pick(rows, "scaling", peer=peer.name, **{other: at})
            points = sorted({run[label] for run in runs})
            rates = [middle([run for run in runs if run[label] == x], "rate") for x in points]
            _line(axis, points, rates, peer.name, ours=peer is FACELIFT)
        axis.set_xlabel(title)
        axis.set_ylabel("jobs/s")
        axis.set_ylim(bottom=0)
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[1].legend(**_BESIDE)
    _save(figure, file)


def window(rows: Rows, file: Path) -> None:
    """Lines: use of the rate limit by worker processes, and refusals."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.5))
    runs = pick(rows, "window")
    for name in dict.fromkeys(run["contestant"] for run in runs):
        points = [run for run in runs if run["contestant"] == name]
        x = [run["processes"] for run in points]
        ours = name == FACELIFT.name
        _line(axes[0], x, [100 * run["share"] for run in points], name, ours=ours)
        _line(axes[1], x, [run["refused"] for run in points], name, ours=ours)
    axes[0].set_ylabel("% of the allowed rate used")
    axes[0].set_ylim(0, 105)
    axes[1].set_ylabel("requests refused")
    axes[1].set_yscale("symlog")
    for axis in axes:
        axis.set_xlabel("worker processes")
    axes[1].legend(**_BESIDE)
    _save(figure, file)


def growth(rows: Rows, file: Path) -> None:
    """Lines: time of each step, and memory, by size of the ledger."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.2))
    runs = [row for row in pick(rows, "ledger") if "rss" in row]
    x = list(range(len(runs)))  # evenly: sizes grow by factors
    sizes = [f"{(run['finished'] + run['waiting']) / 1_000:,.0f}" for run in runs]
    for name, colour in (("status", _OURS), ("acquire", _OTHERS)):
        for cut, style in (("p50", "-"), ("p99", "--")):
            axes[0].plot(
                x,
                [run[f"{name}_{cut}"] for run in runs],
                style,
                color=colour,
                label=f"{name} {cut}",
            )
    axes[1].plot(x, [run["schedule_p50"] for run in runs], color=_OURS)
    axes[2].plot(x, [run["rss"] / 1e6 for run in runs], color=_OURS)
    for axis, title in zip(
        axes, ("ms", "ms per schedule run of 100 due jobs", "worker memory, MB"), strict=True
    ):
        axis.set_title(title)
        axis.set_xticks(x, sizes)
        axis.set_xlabel("thousands of jobs in the ledger")
        axis.set_ylim(0, 1.1 * axis.get_ylim()[1])
    axes[0].set_ylim(top=1.5 * axes[0].get_ylim()[1])  # room for the legend
    axes[0].legend(frameon=False, loc="upper left", ncols=2)
    _save(figure, file)


def _line(axis: Axes, x: list[int], y: list[float | None], label: str, *, ours: bool) -> None:
    look = {"color": _OURS, "linewidth": 2.5, "zorder": 3} if ours else {"linewidth": 1.2}
    axis.plot(x, y, marker="o", markersize=3, label=label, **look)


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
