"""What pytest loads in every project that has Facelift installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from facelift.testing import plugin
from tests.documents import write_files

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from sandbox.endpoint.process import EndpointProcess

HEAVY = {"fakeredis", "lupa", "requests", "tasks", "worker", "sandbox"}


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
    assert pytestconfig.pluginmanager.get_plugin("facelift") is plugin


def test_plugin_imports_nothing_before_it_is_used(tmp_path: Path) -> None:
    code = "import json, sys, facelift.testing.plugin; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(run(tmp_path, "-c", code).stdout)
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()


def test_missing_extra_is_reported(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("import sys\n\nsys.modules['fakeredis'] = None\n")
    (tmp_path / "test_own.py").write_text("def test_own(facelift_jobs): pass\n")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "pip install './client[testing]' (not installed: fakeredis)" in done.stdout


def test_page_on_testing_holds(tmp_path: Path) -> None:
    """Its blocks are a service and its tests, which pass without any server."""
    names = write_files("testing.md", tmp_path)
    assert len(names) == 9
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_endpoint_is_as_freshly_started(facelift_endpoint: EndpointProcess) -> None:
    assert facelift_endpoint.arrivals() == []
    assert facelift_endpoint.stats()


def test_project_with_packages_of_our_names_is_not_disturbed(tmp_path: Path) -> None:
    for name in ("tasks", "worker", "monitor", "sandbox"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "test_own.py").write_text(
        "import monitor, sandbox, tasks, worker\n\ndef test_own(): pass\n"
    )
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
