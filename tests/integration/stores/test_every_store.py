"""What a job may rely on, wherever its image lies: a folder, a web server, a bucket."""

from __future__ import annotations

import os
import threading
import unicodedata
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from facelift.codes import OutcomeCode
from tests.integration.stores.backends import PRIVATE, Folder
from worker.errors import ImageRejected, StoreUnavailable
from worker.stores.s3 import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stores.backends import Backend

LIMIT = 100


def refusal(backend: Backend, path: str, limit: int = LIMIT) -> ImageRejected:
    with pytest.raises(ImageRejected) as caught:
        backend.store.read(path, limit)
    return caught.value


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


def test_an_image_is_read_as_it_was_stored(backend: Backend) -> None:
    data = bytes(range(256)) * 400
    backend.put("bots/42.png", data)
    assert backend.store.read("bots/42.png", 102_400) == data


@pytest.mark.parametrize(
    "name",
    [
        "schön.png",
        "a b.png",
        "..png",
        "...",
        "a\\b.png",
        "%41.png",
        "100%.png",
        "a%2Fb.png",
        "~",
        "a+b=c&d.png",
        "x?y#z.png",
        "@host:80",
        "a;b.png",
    ],
)
def test_a_name_means_itself_whatever_a_url_would_make_of_it(backend: Backend, name: str) -> None:
    backend.put(f"bots/{name}", name.encode())
    assert backend.store.read(f"bots/{name}", LIMIT) == name.encode()


def test_an_empty_file_is_read_as_such(backend: Backend) -> None:
    backend.put("empty.png", b"")
    assert backend.store.read("empty.png", LIMIT) == b""


def test_limit_is_inclusive_and_the_sentence_has_the_figures(backend: Backend) -> None:
    backend.put("big.png", bytes(2001))
    assert backend.store.read("big.png", 2001) == bytes(2001)
    refused = refusal(backend, "big.png", 2000)
    assert refused.code is OutcomeCode.IMAGE_TOO_LARGE
    assert refused.sentence == "'big.png' has 2,001 bytes; the limit is 2,000."


def test_what_is_not_there_is_not_found(backend: Backend) -> None:
    backend.put("bots/42.png", b"a picture")
    for path in ("43.png", "cats/42.png", "bots/42.png/x", "BOTS/42.png"):
        refused = refusal(backend, path)
        assert refused.code is OutcomeCode.IMAGE_NOT_FOUND
        assert refused.sentence == f"{path!r} is not in the image store."


@pytest.mark.parametrize("path", ["bots/42.png\0.jpg", "\0", "\ud800.png"])
def test_what_no_file_can_be_called_is_not_found(backend: Backend, path: str) -> None:
    assert refusal(backend, path).code is OutcomeCode.IMAGE_NOT_FOUND


@pytest.mark.parametrize("path", ["", "bots/"])
def test_a_folder_is_no_image(backend: Backend, path: str) -> None:
    backend.put("bots/42.png", b"a picture")
    assert refusal(backend, path).code is OutcomeCode.IMAGE_UNREADABLE


def test_what_may_not_be_read_is_unreadable(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.put(PRIVATE, b"not for producers")
    if isinstance(backend, Folder):  # whose parents are closed to others
        monkeypatch.chdir(backend.root)
        monkeypatch.setattr(backend.store, "_root", Path())
    with unprivileged():
        refused = refusal(backend, PRIVATE)
    assert refused.code is OutcomeCode.IMAGE_UNREADABLE
    assert refused.sentence == f"{PRIVATE!r} may not be read by the worker."


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "bots/../../secret.png",
        "..",
        "../../../../../../../etc/passwd",
        "../no such file",
        "/../secret.png",
        "//etc/passwd",
    ],
)
def test_a_path_out_of_the_store_is_refused(backend: Backend, path: str) -> None:
    backend.put("bots/42.png", b"a picture")
    assert refusal(backend, path).code is OutcomeCode.IMAGE_OUTSIDE_STORE


@pytest.mark.parametrize("path", ["/etc/passwd", "/bots/42.png"])
def test_a_path_that_begins_with_a_slash_is_an_s3_key_and_else_refused(
    backend: Backend, path: str
) -> None:
    backend.put("bots/42.png", b"a picture")
    expected = (
        OutcomeCode.IMAGE_NOT_FOUND
        if isinstance(backend.store, S3Store)
        else OutcomeCode.IMAGE_OUTSIDE_STORE
    )
    assert refusal(backend, path).code is expected


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["caf\u00e9/\u00fcber.png", "\u1ee9.png", "\uac00.png"])
def test_a_name_in_another_normal_form_gets_a_hint(
    backend: Backend, stored: Literal["NFC", "NFD"], name: str
) -> None:
    asked: Literal["NFC", "NFD"] = "NFD" if stored == "NFC" else "NFC"
    backend.put(unicodedata.normalize(stored, name), b"a picture")
    refused = refusal(backend, unicodedata.normalize(asked, name))
    assert refused.code is OutcomeCode.IMAGE_NOT_FOUND
    assert refused.sentence.endswith(
        f"is not in the image store, which has that name in another Unicode normal form ({stored})."
    )


def test_a_name_of_mixed_normal_forms_gets_a_hint(backend: Backend) -> None:
    backend.put("cafe\u0301/\u00fcber.png", b"a picture")
    assert "another Unicode normal form." in refusal(backend, "caf\u00e9/\u00fcber.png").sentence


def test_a_name_that_is_there_in_no_form_gets_no_hint(backend: Backend) -> None:
    assert (
        refusal(backend, "caf\u00e9.png").sentence == "'caf\u00e9.png' is not in the image store."
    )


def test_a_store_that_is_gone_is_an_outage(backend: Backend) -> None:
    backend.put("bots/42.png", b"a picture")
    with pytest.raises(StoreUnavailable) as caught:
        backend.gone().read("bots/42.png", LIMIT)
    assert caught.value.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert caught.value.sentence.startswith("The image store is not available; ")
    assert not any(secret in caught.value.sentence for secret in backend.secrets)


def test_sentences_show_the_producers_path_shortened_and_never_the_stores(
    backend: Backend,
) -> None:
    for path in ("43.png", "../x", "a\nb", "\0", "long/" * 100 + "x", "bots/"):
        sentence = refusal(backend, path).sentence
        assert not any(secret in sentence for secret in backend.secrets)
        assert "\n" not in sentence
        assert len(sentence) < 160


def test_fifty_threads_read_at_once_and_each_gets_its_own(backend: Backend) -> None:
    images = {f"{number}.png": os.urandom(5_000 + number) for number in range(50)}
    for path, data in images.items():
        backend.put(path, data)
    wrong: list[str] = []
    together = threading.Barrier(len(images))

    def read(path: str) -> None:
        together.wait()
        for _ in range(4):
            try:
                if backend.store.read(path, 10_000) != images[path]:
                    wrong.append(path)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                wrong.append(str(error))

    threads = [threading.Thread(target=read, args=(path,)) for path in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
