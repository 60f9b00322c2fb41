"""Stores over servers of the tests' own, and what becomes of reading from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.codes import OutcomeCode
from worker.errors import Failure, StoreUnavailable
from worker.http import Reach
from worker.stores import HttpsStore, ImageStore, NetworkLimits, open_stores
from worker.stores.web import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.endpoint.wire import Server

LIMIT = 1_000
IMAGE = b"a picture"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na picture"
EVERYWHERE = frozenset(Reach)
SOON = NetworkLimits(timeout=0.5)
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def plain(server: Server, limits: NetworkLimits = SOON) -> ImageStore:
    """A store over a server without TLS, where TLS changes nothing."""
    url = server.url.replace("http://", "http+private://") + "/images"
    return open_stores({"media": url}, limits)["media"]


def named(
    server: Server,
    *answers: Sequence[str],
    reaches: frozenset[Reach] = EVERYWHERE,
    host: str = "images.example",
) -> HttpsStore:
    """A store over `server` under another name, which resolves to each of `answers` in turn."""
    turns = iter(answers)
    base = f"https://{host}:{server.port}/images/"
    return HttpsStore(Site(base, reaches, SOON, resolve=lambda *_: next(turns)))


def failure(store: ImageStore, path: str = "42.png", limit: int = LIMIT) -> Failure:
    with pytest.raises(Failure) as caught:
        store.read(path, limit)
    return caught.value


def outage(store: ImageStore) -> str:
    """What is said of a store that is to blame."""
    error = failure(store)
    assert isinstance(error, StoreUnavailable)
    assert error.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert "127.0.0.1" not in error.sentence
    return error.sentence.removeprefix("The image store is not available; ")
