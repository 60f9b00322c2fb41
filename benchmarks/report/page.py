"""Write the measurements into docs/performance.md."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import isolation, plots, tables
from benchmarks.report.places import filled
from benchmarks.results import load

_TEMPLATE = Path(__file__).parents[2] / "docs" / "performance.md"


def write_page(results: Path, out: Path) -> Path:
    """Write `performance.md` and its plots into `out`; returns the page."""
    images, places = out / "images", {}
    if found := load(results, "peers"):
        rows = found["rows"]
        places |= {
            "conditions": tables.conditions(found["conditions"]),
            "speed": tables.speed(rows)
            + _image("Throughput, CPU and enqueueing by queue", "speed")
            + _image("Throughput by processes and by jobs in flight", "scaling"),
            "tuning": tables.tuning(rows),
        }
        plots.speed(rows, images / "speed.svg")
        plots.scaling(rows, images / "scaling.svg")
    if found := load(results, "turns"):
        places["turns"] = tables.turns(found["rows"])
    if found := load(results, "pacing"):
        rows = found["rows"]
        places |= {
            "window": tables.window(rows)
            + _image("Use of the rate limit and refusals by worker processes", "pacing"),
            "neighbours": tables.neighbours(rows),
            "outage": tables.outages(rows),
        }
        plots.window(rows, images / "pacing.svg")
    if found := load(results, "isolation"):
        rows = found["rows"]
        places |= {"isolation": isolation.troubles(rows), "beside": isolation.beside(rows)}
    if found := load(results, "growth"):
        places["growth"] = tables.growth(found["rows"]) + _image(
            "Time of each step and worker memory by size of the ledger", "growth"
        )
        plots.growth(found["rows"], images / "growth.svg")
    page = out / "performance.md"
    page.write_text(filled(_TEMPLATE.read_text("utf-8"), places), "utf-8")
    return page


def _image(what: str, name: str) -> str:
    return f"\n\n![{what}](images/{name}.svg)"
