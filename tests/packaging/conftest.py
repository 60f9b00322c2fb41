"""Both distributions as wheels and sdists, and fresh virtual environments to install them in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
_OURS = ("facelift", "_editable_impl_facelift", "__editable__")


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a distribution is built into."""

    wheel: Path
    sdist: Path

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def in_sdist(self) -> set[str]:
        """Its files, without the folder that all are in."""
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}


def build(source: Path, target: Path, *kinds: str) -> list[Path]:
    for kind in kinds:
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target],
            cwd=source,
            check=True,
            capture_output=True,
        )
    return sorted(target.iterdir())


def built(source: Path, target: Path) -> Distribution:
    wheel_or_sdist = build(source, target, "wheel", "sdist")
    wheel, sdist = sorted(wheel_or_sdist, key=lambda path: path.suffix, reverse=True)
    return Distribution(wheel, sdist)


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    return built(ROOT / "client", tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    return built(ROOT, tmp_path_factory.mktemp("worker"))


@pytest.fixture
def make_environment(tmp_path: Path) -> Callable[..., Path]:
    """Makes a virtual environment with these wheels; returns its interpreter.

    The dependencies are those of this environment, without what is ours: no network is needed.
    """

    def make(*wheels: Path, only: set[str] | None = None) -> Path:
        folder = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (packages,) = (folder / "lib").glob("python*/site-packages")
        links = tmp_path / "dependencies"
        links.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            name = path.name.removesuffix(".py").partition("-")[0].lower()
            if not name.startswith(_OURS) and (only is None or name in only):
                (links / path.name).symlink_to(path)
        (packages / "dependencies.pth").write_text(f"{links}\n")
        for wheel in wheels:  # pure ones: to install them is to unpack them
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(packages)  # noqa: S202 - our own wheel
        return folder / "bin" / "python"

    return make
