"""Stores of other packages: the one of docs/stores.md, and what becomes of their errors."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from facelift.codes import OutcomeCode
from tests.documents import blocks, write_files
from worker.errors import Failure, ImageRejected, StoreUnavailable
from worker.stores import ImageStore, open_stores

if TYPE_CHECKING:
    from pathlib import Path

GROUP = "facelift.stores"


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **schemes: str) -> None:
    """Make the modules in `folder` a package that is installed, with these entry points."""
    info = folder / "acme_stores-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: acme-stores\nVersion: 1.0\n")
    lines = [f"[{GROUP}]", *(f"{scheme} = {place}" for scheme, place in schemes.items())]
    info.joinpath("entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zip archive, with the example of the documents installed."""
    package = tmp_path / "package"
    write_files("stores.md", package)
    (project,) = (each.text for each in blocks("stores.md") if each.language == "toml")
    install(package, monkeypatch, **tomllib.loads(project)["project"]["entry-points"][GROUP])
    path = tmp_path / "images.zip"
    with ZipFile(path, "w") as file:
        file.writestr("bots/42.png", b"an image")
    return path


def failure(store: ImageStore, path: str, limit: int = 100) -> Failure:
    with pytest.raises(Failure) as caught:
        store.read(path, limit)
    return caught.value


def test_the_documented_store_reads(archive: Path) -> None:
    store = open_stores({"media": f"zip://{archive}"})["media"]
    assert store.read("bots/42.png", 8) == b"an image"
    assert failure(store, "bots/43.png").code is OutcomeCode.IMAGE_NOT_FOUND
    too_large = failure(store, "bots/42.png", limit=7)
    assert too_large.sentence == "'bots/42.png' has 8 bytes; the limit is 7."
    archive.unlink()
    assert failure(store, "bots/42.png").code is OutcomeCode.IMAGE_STORE_UNAVAILABLE


def test_the_documented_store_refuses_a_wrong_url(archive: Path) -> None:
    with pytest.raises(ValueError, match=r"^media: must name a zip archive") as caught:
        open_stores({"media": f"zip://{archive.parent}"})
    assert str(archive.parent) not in str(caught.value)


def test_an_unknown_scheme_names_all_that_are_known(archive: Path) -> None:
    with pytest.raises(ValueError, match=r"^media: ") as caught:
        open_stores({"media": f"tar://{archive}"})
    assert str(caught.value) == (
        "media: must begin with one of file://, http+private://, https://, https+private://, "
        "s3://, zip://"
    )


RAISING = """
class Store:
    def __init__(self, error):
        self.error = error

    def read(self, path, limit):
        raise self.error


def open_store(url, limits):
    return Store({raised})
"""


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        ("FileNotFoundError('/secret')", ImageRejected, OutcomeCode.IMAGE_NOT_FOUND),
        ("PermissionError('/secret')", ImageRejected, OutcomeCode.IMAGE_UNREADABLE),
        ("IsADirectoryError('/secret')", ImageRejected, OutcomeCode.IMAGE_UNREADABLE),
        ("TimeoutError('/secret')", StoreUnavailable, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        ("ConnectionError('/secret')", StoreUnavailable, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        ("OSError('/secret')", StoreUnavailable, OutcomeCode.IMAGE_STORE_UNAVAILABLE),
    ],
)
def test_an_added_stores_os_errors_become_outcomes_without_their_text(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    raised: str,
    kind: type[Failure],
    code: OutcomeCode,
) -> None:
    name = f"raising_{abs(hash(raised))}"
    (tmp_path / f"{name}.py").write_text(RAISING.format(raised=raised))
    install(tmp_path, monkeypatch, raising=f"{name}:open_store")
    error = failure(open_stores({"media": "raising://x"})["media"], "a.png")
    assert isinstance(error, kind)
    assert error.code is code
    assert "secret" not in error.sentence


def test_a_defect_of_an_added_store_is_not_taken_for_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "defective.py").write_text(RAISING.format(raised="KeyError('a')"))
    install(tmp_path, monkeypatch, defect="defective:open_store")
    with pytest.raises(KeyError):
        open_stores({"media": "defect://x"})["media"].read("a.png", 1)


def test_an_added_store_whose_module_is_missing_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, absent="no_such_module:open_store")
    with pytest.raises(ValueError, match=r"^media: needs the module no_such_module, which"):
        open_stores({"media": "absent://x"})


def test_a_built_in_scheme_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, file="no_such_module:open_store")
    (tmp_path / "1.png").write_bytes(b"one")
    assert open_stores({"media": tmp_path.as_uri()})["media"].read("1.png", 3) == b"one"
