"""Run the tests four at a time, and once more alone what may have failed for that alone.

Tests of real processes share two cores with three others. One that a busy machine delays past a
limit passes alone, a defect fails twice; the report names both. Tests without processes of their
own have no such excuse and are not run again, nor is anything if many fail.

Arguments are passed to pytest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = Path(".pytest_cache/v/cache/lastfailed")
WITH_PROCESSES = (
    "tests/acceptance/",
    "tests/chaos/",
    "tests/deploy/",
    "tests/integration/",
    "tests/sandbox/",
)
AT_MOST = 5
# The tests of a file share a worker and a Redis, hence loadfile; the slow ones come first by name.
SIDE_BY_SIDE = ("--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")
FAILED = 1  # pytest's exit code for failed tests, and for coverage below its limit


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Run the tests below `root`; returns 0 if each of them passed, the second time at the latest.

    Args:
        arguments: for pytest, both times.
        root: where pytest is started.
    """
    (root / CACHE).unlink(missing_ok=True)
    code = _run(root, "pytest", *SIDE_BY_SIDE, *arguments)
    failed = _failed(root / CACHE)
    if code != FAILED or not failed or not _may_run_again(failed):
        return code
    print(f"\nonce more, alone: {len(failed)} tests of real processes that failed", flush=True)
    # What is measured now is added to what was measured before.
    again = _run(root, "pytest", *arguments, *_appending(arguments), *failed)
    still = _failed(root / CACHE)
    for test in failed:
        print(f"{'FAILED TWICE' if test in still else 'passed alone'}: {test}")
    return again


def _may_run_again(failed: list[str]) -> bool:
    is_test = all("::" in each for each in failed)  # and no file that cannot be imported
    return (
        is_test
        and len(failed) <= AT_MOST
        and all(each.startswith(WITH_PROCESSES) for each in failed)
    )


def _appending(arguments: list[str]) -> list[str]:
    return ["--cov-append"] if "--cov" in arguments else []


def _failed(cache: Path) -> list[str]:
    return list(json.loads(cache.read_text("utf-8"))) if cache.exists() else []


def _run(root: Path, *command: str) -> int:
    return subprocess.run([sys.executable, "-m", *command], cwd=root, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
