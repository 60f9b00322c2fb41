"""What the wheels and the sdists hold, and that each builds from its sdist alone."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.conftest import ROOT, build

if TYPE_CHECKING:
    from tests.packaging.conftest import Distribution


def tops(names: set[str]) -> set[str]:
    return {name.partition("/")[0] for name in names if ".dist-info/" not in name}


def sources(base: Path, *packages: str) -> set[str]:
    """The files of packages that must be in a wheel."""
    return {
        path.relative_to(base).as_posix()
        for package in packages
        for path in (base / package).rglob("*")
        if path.suffix in {".py", ".lua", ".typed"}
    }


def test_client_wheel_holds_facelift_and_nothing_else(client: Distribution) -> None:
    names = client.in_wheel()
    assert tops(names) == {"facelift"}
    assert sources(ROOT / "client", "facelift") <= names
    assert any(name.endswith("/enqueue.lua") for name in names)
    assert "facelift/py.typed" in names


def test_worker_wheel_holds_its_packages_and_nothing_else(worker: Distribution) -> None:
    names = worker.in_wheel()
    assert tops(names) == {"worker", "tasks", "monitor", "sandbox"}
    assert sources(ROOT, "worker", "tasks", "monitor", "sandbox") <= names


@pytest.mark.parametrize("distribution", ["client", "worker"])
def test_sdist_builds_the_same_wheel(
    distribution: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    made: Distribution = request.getfixturevalue(distribution)
    with tarfile.open(made.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (wheel,) = build(source, tmp_path / "built", "wheel")
    assert wheel.name == made.wheel.name
    assert type(made)(wheel, made.sdist).in_wheel() == made.in_wheel()


# A line of install commands that names the distribution without its path.
_BARE = re.compile(r"(?:pip|uv|pipx|poetry)\b[^\n`]*?\b(?:install|add)\b[^\n`]*?[\s'\"`]facelift")


def test_no_text_tells_to_install_a_bare_facelift() -> None:
    """The name belongs to another project on the package index."""
    texts = [
        path
        for folder in ROOT.iterdir()
        if folder.is_dir() and (folder.name == ".ci" or not folder.name.startswith("."))
        for path in (*ROOT.glob("*"), *folder.rglob("*"))
        if path.suffix in {".md", ".toml", ".py", ".yml", ".yaml", ".sh", ""} and path.is_file()
        if "node_modules" not in path.parts
        if path != Path(__file__)
    ]
    assert len(texts) > 100
    bare = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sorted(set(texts))
        for match in _BARE.finditer(path.read_text("utf-8"))
    ]
    assert bare == []


@pytest.mark.parametrize(
    "text",
    [
        "pip install facelift",
        "pip install 'facelift[testing]'",
        'pip install "facelift-client[cli]"',
        "uv add facelift",
        "python -m pip install -U facelift-worker",
    ],
)
def test_bare_install_line_is_found(text: str) -> None:
    assert _BARE.search(text)


@pytest.mark.parametrize(
    "text", ["pip install ./client .", "pip install './client[testing]'", "$ facelift enqueue"]
)
def test_install_line_by_path_is_right(text: str) -> None:
    assert not _BARE.search(text)
