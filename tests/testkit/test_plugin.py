"""What pytest loads in every project that has Facelift installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import pytest_facelift
from tests.documents import write_files

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess

HEAVY = {"fakeredis", "lupa", "redis", "requests", "tasks", "worker", "sandbox", "testkit"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_plugin_is_offered_to_pytest(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.get_plugin("facelift") is pytest_facelift


def test_plugin_imports_nothing_before_it_is_used(tmp_path: Path) -> None:
    code = "import json, sys, pytest_facelift; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(run(tmp_path, "-c", code).stdout)
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


@pytest.mark.parametrize(
    ("fixture", "modules", "missing"),
    [
        ("facelift_jobs", pytest_facelift._FOR_JOBS, "fakeredis"),
        ("facelift_endpoint", pytest_facelift._FOR_ENDPOINT, "aiohttp"),
    ],
)
def test_missing_extra_is_told(
    monkeypatch: pytest.MonkeyPatch, fixture: str, modules: tuple[str, ...], missing: str
) -> None:
    monkeypatch.setattr(pytest_facelift, "find_spec", lambda name: None if name == missing else 1)
    with pytest.raises(pytest.fail.Exception, match=rf"{fixture} needs .*: {missing}\)"):
        pytest_facelift._need(fixture, modules)


def test_page_on_testing_holds(tmp_path: Path) -> None:
    """Its blocks are a service and its tests, which pass without any server."""
    names = write_files("testing.md", tmp_path)
    assert len(names) == 7
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_endpoint_is_as_freshly_started(facelift_endpoint: EndpointProcess) -> None:
    assert facelift_endpoint.arrivals() == []
    assert facelift_endpoint.stats()


def test_project_with_a_testkit_of_its_own_is_not_disturbed(tmp_path: Path) -> None:
    (tmp_path / "testkit").mkdir()
    (tmp_path / "testkit" / "__init__.py").touch()
    (tmp_path / "test_own.py").write_text("import testkit\n\ndef test_own(): pass\n")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
