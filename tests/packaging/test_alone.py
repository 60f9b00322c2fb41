"""What fails beside others is run once more alone; what fails twice fails the check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import alone

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = "def test_broken():\n    assert False\n"
BUSY = """
from pathlib import Path

def test_busy():
    ran = Path(__file__).with_suffix(".ran")
    is_again = ran.exists()
    ran.touch()
    assert is_again
"""


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Check:
    monkeypatch.setattr(alone, "SIDE_BY_SIDE", ())
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # two runs a second
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "pytest.ini").touch()
    return Check(tmp_path, capfd)


class Check:
    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capfd = capfd

    def run(self, files: dict[str, str]) -> tuple[int, str]:
        for name, code in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(code, "utf-8")
        return alone.main(["-q"], self.root), self.capfd.readouterr().out


def test_test_of_processes_that_passes_alone_passes(check: Check) -> None:
    code, out = check.run({"tests/acceptance/test_a.py": BUSY})
    assert code == 0
    assert "passed alone: tests/acceptance/test_a.py::test_busy" in out


def test_test_that_always_fails_fails_the_check(check: Check) -> None:
    code, out = check.run(
        {"tests/acceptance/test_a.py": BUSY, "tests/acceptance/test_b.py": BROKEN}
    )
    assert code == 1
    assert "FAILED TWICE: tests/acceptance/test_b.py::test_broken" in out
    assert "passed alone: tests/acceptance/test_a.py::test_busy" in out


def test_failure_without_processes_is_not_run_again(check: Check) -> None:
    code, out = check.run({"tests/acceptance/test_a.py": BUSY, "tests/unit/test_b.py": BUSY})
    assert code == 1
    assert "alone" not in out


def test_nothing_is_run_again_if_many_fail(check: Check) -> None:
    names = [f"tests/acceptance/test_{number}.py" for number in range(alone.AT_MOST + 1)]
    code, out = check.run(dict.fromkeys(names, BUSY))
    assert code == 1
    assert "alone" not in out


def test_file_that_cannot_be_read_fails_the_check(check: Check) -> None:
    code, out = check.run({"tests/acceptance/test_a.py": "import no_such_module_at_all\n"})
    assert code != 0
    assert "alone" not in out
