"""The ledger's scripts as Redis is told them: each brings along what it uses, and no more."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from facelift.ledger.keys import Keys
from facelift.ledger.sources import NAMES, Retention, sources

SHARED = [
    file.read_text("utf-8")
    for file in (resources.files("facelift.ledger") / "lua").iterdir()
    if file.name[0] == "_"
]
SOURCES = sources(Keys(), Retention())


def test_shared_declarations_have_one_name_each() -> None:
    """Others would be left out where only their second name is used."""
    declarations = re.findall(r"^local (?!function )(.*)", "".join(SHARED), re.MULTILINE)
    assert [each for each in declarations if not re.match(r"\w+( = |$)", each)] == []


@pytest.mark.parametrize("name", NAMES)
def test_script_declares_what_it_uses(name: str) -> None:
    declared = re.findall(r"^local (?:function )?(\w+)", "".join(SHARED), re.MULTILINE)
    code = re.sub(r"'[^'\n]*'|\[==\[.*?\]==\]", "''", SOURCES[name])
    for each in declared:
        first = re.search(rf"(?<![.:\w]){each}\b", code)
        before = "local " if first is None else code[: first.start()]
        assert before.endswith(("local ", "local function ")), each


def test_script_defines_no_function_that_it_cannot_come_to() -> None:
    assert "local function open_breaker(" in SOURCES["report_failure"]
    assert "local function open_breaker(" not in SOURCES["acquire"]
    assert "local function load(" not in SOURCES["renew"]


def test_functions_refer_to_no_constant() -> None:
    assert "redis.call('ZADD', '{facelift}:schedule', lease_until, id)" in SOURCES["acquire"]
    assert "SCHEDULE" not in SOURCES["acquire"]
