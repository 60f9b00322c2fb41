from __future__ import annotations

import errno
import os
import shutil
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected, StoreUnavailable
from worker.stores import FolderStore, ImageStore

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 100
SECRET = b"not for producers"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store's folder with one image in it, and a secret beside it."""
    root = tmp_path / "root"
    (root / "bots").mkdir(parents=True)
    (root / "bots" / "42.png").write_bytes(b"a picture")
    (tmp_path / "secret.png").write_bytes(SECRET)
    return root


@pytest.fixture
def store(root: Path) -> ImageStore:
    return FolderStore(root)


def refusal(store: ImageStore, path: str, limit: int = LIMIT) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        store.read(path, limit)
    return caught.value


def open_handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# What can be read


@pytest.mark.parametrize(
    "path", ["bots/42.png", "./bots//42.png", "bots/../bots/42.png", "bots/./42.png"]
)
def test_a_file_below_the_root_is_read(store: ImageStore, path: str) -> None:
    assert store.read(path, LIMIT) == b"a picture"


def test_names_may_hold_any_character_that_files_may(store: ImageStore, root: Path) -> None:
    for name in ("schön.png", "a b.png", "..png", "...", "a\\b.png", "%2e.png", "~", "$HOME"):
        (root / name).write_bytes(name.encode())
        assert store.read(name, LIMIT) == name.encode()


def test_links_that_stay_below_the_root_are_followed(store: ImageStore, root: Path) -> None:
    (root / "current").symlink_to("bots")
    (root / "newest.png").symlink_to(root / "current" / "42.png")
    assert store.read("current/42.png", LIMIT) == b"a picture"
    assert store.read("newest.png", LIMIT) == b"a picture"


def test_the_root_may_be_a_link_and_may_be_exchanged(tmp_path: Path, root: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(root)
    store = FolderStore(link)
    assert store.read("bots/42.png", LIMIT) == b"a picture"
    release = tmp_path / "release"
    release.mkdir()
    (release / "new.png").write_bytes(b"new")
    link.unlink()
    link.symlink_to(release)
    assert store.read("new.png", LIMIT) == b"new"


# How much is read


def test_reading_a_huge_file_stops_at_the_limit(store: ImageStore, root: Path) -> None:
    with (root / "huge.png").open("wb") as file:
        file.truncate(1 << 40)
    refused = refusal(store, "huge.png")
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert "1,099,511,627,776 bytes" in refused.sentence


def test_the_limit_holds_whatever_size_a_file_pretends_to_have() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    refused = refusal(FolderStore(Path("/proc/self")), "status")
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert refused.sentence == "'status' has 101 bytes; the limit is 100."


# What cannot be reached


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "bots/../../secret.png",
        "../root/bots/42.png",
        "..",
        "../../../../../../../etc/passwd",
        "../no such file",
        "/etc/passwd",
        "//etc/passwd",
    ],
)
def test_a_path_out_of_the_root_is_refused(store: ImageStore, path: str) -> None:
    refused = refusal(store, path)
    assert refused.code is OutcomeCode.IMAGE_OUTSIDE_STORE
    assert refused.sentence == f"{path!r} leads out of the image store."


def test_an_absolute_path_is_refused_even_into_the_root(store: ImageStore, root: Path) -> None:
    path = str(root / "bots" / "42.png")
    assert refusal(store, path).code is OutcomeCode.IMAGE_OUTSIDE_STORE


@pytest.mark.parametrize("target", ["../secret.png", "/etc/passwd", "../no such file"])
def test_a_link_out_of_the_root_is_refused(store: ImageStore, root: Path, target: str) -> None:
    (root / "link.png").symlink_to(target)
    assert refusal(store, "link.png").code is OutcomeCode.IMAGE_OUTSIDE_STORE


def test_a_linked_folder_out_of_the_root_is_refused(store: ImageStore, root: Path) -> None:
    (root / "link").symlink_to("..")
    (root / "twice").symlink_to("link")
    for path in ("link/secret.png", "twice/secret.png", "link/no such file"):
        assert refusal(store, path).code is OutcomeCode.IMAGE_OUTSIDE_STORE


def test_a_neighbour_whose_name_begins_like_the_roots_is_outside(
    store: ImageStore, root: Path
) -> None:
    neighbour = root.with_name("root2")
    neighbour.mkdir()
    (neighbour / "secret.png").write_bytes(SECRET)
    (root / "link.png").symlink_to(neighbour / "secret.png")
    assert refusal(store, "link.png").code is OutcomeCode.IMAGE_OUTSIDE_STORE


@pytest.mark.parametrize("exchanged", ["bots", "bots/42.png"])
def test_exchanging_a_name_for_a_link_between_check_and_open_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, exchanged: str
) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "42.png").write_bytes(SECRET)
    store = FolderStore(root)
    real = store._resolve

    def resolve_and_exchange(path: str) -> tuple[str, ...]:
        names = real(path)
        (root / exchanged).rename(root / "moved away")
        (root / exchanged).symlink_to(root.parent / exchanged.replace("bots", "outside"))
        return names

    monkeypatch.setattr(store, "_resolve", resolve_and_exchange)
    refusal(store, "./bots/42.png")  # of another form than a plain path, hence resolved
    assert (root / "bots" / "42.png").read_bytes() == SECRET  # the way out was there


def test_what_is_not_there_is_not_found(store: ImageStore) -> None:
    for path in (
        "43.png",
        "cats/42.png",
        "bots/42.png/x",
        "..\\secret.png",
        "x" * 1000,
        "a/" * 400,
    ):
        assert refusal(store, path).code is OutcomeCode.IMAGE_NOT_FOUND, path


@pytest.mark.parametrize("path", ["bots", "bots/", ".", "", "bots/.."])
def test_a_folder_is_no_image(store: ImageStore, path: str) -> None:
    assert refusal(store, path).code is OutcomeCode.IMAGE_UNREADABLE


@pytest.mark.timeout(10)
def test_a_pipe_is_refused_and_holds_nobody(store: ImageStore, root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    assert refusal(store, "pipe.png").code is OutcomeCode.IMAGE_UNREADABLE


def test_a_socket_is_refused(
    store: ImageStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        assert refusal(store, "socket.png").code is OutcomeCode.IMAGE_UNREADABLE


def test_a_device_is_refused() -> None:
    refused = refusal(FolderStore(Path("/dev")), "zero")
    assert refused.code is OutcomeCode.IMAGE_UNREADABLE
    assert refused.sentence == "'zero' is not a regular file."


def test_links_in_a_circle_are_unreadable(store: ImageStore, root: Path) -> None:
    (root / "a.png").symlink_to("b.png")
    (root / "b.png").symlink_to("a.png")
    assert refusal(store, "a.png").code is OutcomeCode.IMAGE_UNREADABLE


@contextmanager
def unprivileged() -> Iterator[None]:
    """As somebody whom permissions bind; root is not bound by them."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except PermissionError:
        pytest.skip("runs as root, and may not become anybody else")
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_is_unreadable(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "private.png").write_bytes(SECRET)
    (root / "private.png").chmod(0)
    (root / "closed").mkdir(0)
    root.chmod(0o755)
    monkeypatch.chdir(root)  # whose parents are closed to others
    store = FolderStore(Path())
    with unprivileged():
        for path in ("private.png", "closed/42.png"):
            refused = refusal(store, path)
            assert refused.code is OutcomeCode.IMAGE_UNREADABLE
            assert refused.sentence == f"{path!r} may not be read by the worker."


# When the store is to blame


def test_a_root_that_is_gone_is_an_outage(store: ImageStore, root: Path) -> None:
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(StoreUnavailable) as caught:
        store.read("bots/42.png", LIMIT)
    assert caught.value.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert "No such file or directory" in caught.value.sentence


def test_a_root_that_is_no_longer_mounted_is_an_outage(tmp_path: Path, root: Path) -> None:
    mounted, mount_point = FolderStore(root), FolderStore(tmp_path)
    for store in (mounted, mount_point):
        store._device += 1  # as if another file system had been mounted when it was opened
    assert refusal(mounted, "43.png").code is OutcomeCode.IMAGE_NOT_FOUND
    shutil.rmtree(root)
    (tmp_path / "secret.png").unlink()
    with pytest.raises(StoreUnavailable, match="not mounted"):
        mount_point.read("42.png", LIMIT)


def test_in_a_store_that_is_merely_empty_nothing_is_found(tmp_path: Path) -> None:
    assert refusal(FolderStore(tmp_path), "42.png").code is OutcomeCode.IMAGE_NOT_FOUND


@pytest.mark.parametrize("call", ["open", "fstat"])
@pytest.mark.parametrize(
    "code", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ETIMEDOUT, errno.ENETDOWN]
)
def test_an_error_of_the_file_system_is_an_outage(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    real = getattr(os, call)

    def fail(target: Any, *args: Any, **kwargs: Any) -> Any:
        if call == "fstat" or target == "42.png":
            raise OSError(code, os.strerror(code))
        return real(target, *args, **kwargs)

    before = open_handles()
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StoreUnavailable) as caught:
            store.read("bots/42.png", LIMIT)
    assert os.strerror(code) in caught.value.sentence
    assert open_handles() == before


# Manners


def test_sentences_show_the_producers_path_shortened_and_never_the_servers(
    store: ImageStore, root: Path
) -> None:
    (root / "link").symlink_to("/etc")
    for path in ("43.png", "../x", "link/passwd", "bots", "a\nb", "long/" * 100):
        sentence = refusal(store, path).sentence
        assert str(root) not in sentence
        assert "\n" not in sentence
        assert len(sentence) < 160
    assert "'a\\nb'" in refusal(store, "a\nb").sentence


def test_no_handle_is_left_open(store: ImageStore, root: Path) -> None:
    (root / "link.png").symlink_to("../secret.png")
    before = open_handles()
    store.read("bots/42.png", LIMIT)
    for path in ("bots", "43.png", "bots/x/y", "link.png", "../x", "\0", "bots/42.png/"):
        with suppress(ImageRejected):
            store.read(path, 3)
    assert open_handles() == before
