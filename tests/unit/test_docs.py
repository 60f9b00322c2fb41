"""What the documents repeat of the code is what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facelift.advice import OUTCOMES, WAITS
from facelift.cli.exits import Exit
from facelift.codes import JobState, OutcomeCode, WaitReason
from facelift.ledger.keys import Keys
from tests.documents import blocks
from worker.settings.load import catalogue

if TYPE_CHECKING:
    from worker.settings.docs import SettingDoc

DOCS = Path(__file__).parents[2] / "docs"
PARTS_OF_KEYS = ("base", "prefix")


def rows(document: str) -> list[list[str]]:
    """The cells of every line of its tables."""
    lines = (DOCS / document).read_text("utf-8").splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]


@pytest.mark.parametrize("doc", catalogue(), ids=lambda doc: doc.name)
def test_setting_is_documented_as_it_is(doc: SettingDoc) -> None:
    default = f"`{doc.default}`" if doc.default else ""
    assert [f"`{doc.name}`", default, doc.meaning] in rows("settings.md")


def test_no_setting_is_documented_that_is_none() -> None:
    documented = {row[0].strip("`") for row in rows("settings.md") if row[0].startswith("`")}
    assert documented == {doc.name for doc in catalogue()}


@pytest.mark.parametrize("name", [*JobState, *OutcomeCode, *WaitReason])
def test_state_code_or_reason_is_documented(name: str) -> None:
    assert any(f"`{name}`" in row[0] for row in rows("outcomes.md"))


def plain(cell: str) -> str:
    """A cell without its links."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", cell)


@pytest.mark.parametrize(
    ("name", "advice"),
    [*OUTCOMES.items(), *WAITS.items()],
    ids=lambda value: value if isinstance(value, StrEnum) else "",
)
def test_what_to_do_is_documented_as_the_command_says_it(name: StrEnum, advice: str) -> None:
    documented = [
        plain(row[2]) for row in rows("outcomes.md") if f"`{name}`" in row[0] and len(row) == 3
    ]
    assert advice in documented


@pytest.mark.parametrize("name", [*OutcomeCode, *WaitReason])
def test_every_outcome_and_wait_has_advice(name: OutcomeCode | WaitReason) -> None:
    assert name in (WAITS if isinstance(name, WaitReason) else OUTCOMES)


@pytest.mark.parametrize(
    "name", [name for name in vars(Keys) if not name.startswith("_") and name not in PARTS_OF_KEYS]
)
def test_key_is_documented(name: str) -> None:
    key = getattr(Keys(), name)
    named = key("<") if callable(key) else key
    assert any(row[0].startswith(f"`{named}") for row in rows("ledger.md"))


@pytest.mark.parametrize("code", Exit)
def test_exit_code_is_documented_as_it_is(code: Exit) -> None:
    assert [str(code.value), code.meaning] in rows("outcomes.md")


@pytest.mark.parametrize("doc", catalogue(), ids=lambda doc: doc.name)
def test_compose_hands_every_setting_to_the_worker(doc: SettingDoc) -> None:
    if "<" not in doc.name:  # compose.md describes API keys of further accounts
        assert doc.name in (DOCS.parent / "docker-compose.yml").read_text("utf-8")


PAGES = ["../README.md", "../client/README.md"]
PAGES += [str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md"))]


@pytest.mark.nightly
def test_python_in_the_documents_passes_mypy(tmp_path: Path) -> None:
    for page in PAGES:
        for number, block in enumerate(blocks(page)):
            # What begins with neither is a part of a file.
            if block.language == "python" and re.match("# |import |from ", block.text):
                name = re.sub(r"\W", "_", page.removesuffix(".md"))
                (tmp_path / f"{name}_{number}.py").write_text(block.text, "utf-8")
    lenient = ("untyped-defs", "untyped-calls", "untyped-decorators", "incomplete-defs")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports"]
    command += ["--cache-dir", "cache", *(f"--allow-{each}" for each in lenient)]
    checked = subprocess.run(
        [*command, *(path.name for path in tmp_path.glob("*.py"))],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_attacks_that_are_named_have_their_tests() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (DOCS / "security.md").read_text("utf-8"))
    assert named
    assert [path for path in named if not (DOCS.parent / path).exists()] == []
