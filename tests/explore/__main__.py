"""Explore the ledger's scripts, and tell how a promise is broken.

Every interleaving of producers, workers, schedule and faults of a scope is played on the ledger's
own Lua; docs/guarantees.md says what that proves.
"""

from __future__ import annotations

import argparse
import sys

from tests.explore.scope import SCOPES
from tests.explore.search import Explored, explore
from tests.explore.story import tell


def main() -> int:
    """Explore what the command line names; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="make explore", description=__doc__.partition("\n")[0])
    scopes = "\n".join(f"  {name:10} {scope}" for name, scope in SCOPES.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"scopes:\n{scopes}"
    parser.add_argument("scope", nargs="+", choices=SCOPES, metavar="SCOPE")
    parser.add_argument("--depth", type=int, help="steps from the start at most")
    parser.add_argument("--minutes", type=float, help="after which a scope is left")
    wanted = parser.parse_args()
    return max(_explore(name, wanted.depth, wanted.minutes) for name in wanted.scope)


def _explore(name: str, depth: int | None, minutes: float | None) -> int:
    scope = SCOPES[name]
    _say(f"{name}: {scope}\n")
    seconds = None if minutes is None else 60 * minutes
    explored = explore(scope, depth=depth, seconds=seconds, watch=_show)
    _say(f"\r{explored}\n")
    if not explored.finding:
        return 0
    _say(f"\n{tell(scope, explored.finding)}\n")
    return 1


def _show(explored: Explored) -> None:
    if sys.stdout.isatty():
        _say(f"\r{explored}")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
