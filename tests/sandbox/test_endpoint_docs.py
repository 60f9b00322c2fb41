"""docs/endpoint.md agrees with the endpoint, and its test passes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, get_args

from sandbox.endpoint.operations import OPERATIONS
from sandbox.endpoint.request_log import Arrival
from sandbox.endpoint.rules import Rule
from sandbox.endpoint.server import CONTROL_ROUTES
from sandbox.endpoint.state import EndpointState
from tests.documents import DOCS, write_files

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (DOCS / "endpoint.md").read_text("utf-8")
ROWS = [row for row in PAGE.splitlines() if row.startswith("| `")]
STATE = EndpointState(["key"], [], (), 0, None, 10)


def names_of(rows: list[str]) -> set[str]:
    """What the first cells of these rows name."""
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_every_fault_and_option_is_documented() -> None:
    documented = names_of(ROWS)
    page = set(re.findall(r"`(\w+)`", PAGE))
    for rule in get_args(Rule):
        assert get_args(rule.model_fields["fault"].annotation)[0] in documented
        assert rule.model_fields.keys() - {"chatbot_id", "fault"} <= page


def test_every_path_is_documented_and_no_other() -> None:
    paths = {f"{each.method} {each.path}" for each in CONTROL_ROUTES if each.method != "*"}
    paths |= {f"{each.method} {each.path}" for each in OPERATIONS}
    assert {name for name in names_of(ROWS) if "/" in name} == paths


def test_every_field_of_an_arrival_and_every_count_is_documented() -> None:
    assert {each.name for each in fields(Arrival)} <= names_of(ROWS)
    assert STATE.stats().keys() <= set(re.findall(r"`(\w+)`", PAGE))


def test_the_pages_own_test_passes(tmp_path: Path) -> None:
    assert write_files("endpoint.md", tmp_path) == ["test_with_endpoint.py"]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=tmp_path,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
