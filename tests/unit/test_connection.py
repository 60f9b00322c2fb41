from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import exceptions
from redis.backoff import NoBackoff

from facelift.client import UploadClient
from facelift.errors import FaceliftError, InvalidSettings, LedgerRefused, LedgerUnavailable
from facelift.ledger.connection import _Retry, connect, translated

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-0123456789"


class Calls:
    """Something that fails the given way however often it is tried."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.made = 0
        self.cleaned_up = 0

    def do(self) -> None:
        self.made += 1
        raise self.error

    def fail(self, _error: Exception) -> None:
        self.cleaned_up += 1


@pytest.mark.parametrize(
    "error",
    [exceptions.ConnectionError("cut"), exceptions.TimeoutError("silent"), TimeoutError("silent")],
)
def test_a_cut_connection_is_retried(error: Exception) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)):
        _Retry(NoBackoff(), 3).call_with_retry(calls.do, calls.fail)
    assert (calls.made, calls.cleaned_up) == (4, 4)


@pytest.mark.parametrize(
    "error", [exceptions.AuthenticationError("no"), exceptions.AuthorizationError("no")]
)
def test_refused_credentials_are_not_retried(error: Exception) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)):
        _Retry(NoBackoff(), 3).call_with_retry(calls.do, calls.fail)
    assert (calls.made, calls.cleaned_up) == (1, 1)


def test_nested_retries_do_not_multiply() -> None:
    calls = Calls(exceptions.ConnectionError("gone"))
    retry = _Retry(NoBackoff(), 3)

    def reconnect() -> None:
        retry.call_with_retry(calls.do, calls.fail)

    for times in (4, 8):
        with pytest.raises(exceptions.ConnectionError):
            retry.call_with_retry(reconnect, lambda _: None)
        assert calls.made == times


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{CANARY}@localhost/0?foo=1",
        f"redis://:{CANARY}@localhost:port/0",
        f"redis://:{CANARY}/x@localhost",
        f"http://:{CANARY}@localhost",
        f"redis://localhost?password={CANARY}",
        CANARY,
        "",
    ],
)
@pytest.mark.parametrize("make", [connect, UploadClient])
def test_a_wrong_url_is_refused_and_never_shown(make: Callable[[str], object], url: str) -> None:
    with pytest.raises(InvalidSettings, match=r"^FACELIFT_REDIS_URL (must be|has)") as caught:
        make(url)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "meaning", "words"),
    [
        (exceptions.AuthenticationError("x"), LedgerRefused, "refuses these credentials"),
        (exceptions.AuthorizationError("x"), LedgerRefused, "refuses these credentials"),
        (exceptions.NoPermissionError("x"), LedgerRefused, "refuses these credentials"),
        (exceptions.ConnectionError("x"), LedgerUnavailable, "cannot be reached"),
        (exceptions.TimeoutError("x"), LedgerUnavailable, "cannot be reached"),
        (exceptions.BusyLoadingError("x"), LedgerUnavailable, "cannot be reached"),
        (exceptions.MaxConnectionsError("x"), LedgerUnavailable, "cannot be reached"),
        (OSError("x"), LedgerUnavailable, "cannot be reached"),
        (exceptions.ReadOnlyError("x"), LedgerUnavailable, "does not take this now"),
        (exceptions.MasterDownError("x"), LedgerUnavailable, "does not take this now"),
        (exceptions.ResponseError("BUSY x"), LedgerUnavailable, "does not take this now"),
        (exceptions.ResponseError("at 1: -NOREPLICAS x"), LedgerUnavailable, "not take this now"),
        (exceptions.OutOfMemoryError("x"), LedgerRefused, "is full"),
        (exceptions.ResponseError("at 1: -OOM x"), LedgerRefused, "is full"),
        (exceptions.ResponseError("WRONGTYPE x"), LedgerRefused, "Redis refused"),
        (exceptions.InvalidResponse("x"), LedgerRefused, "Redis refused"),
        (exceptions.RedisError("x"), LedgerRefused, "Redis refused"),
    ],
)
def test_what_redis_py_raises_becomes_the_ledgers_error(
    error: Exception, meaning: type[FaceliftError], words: str
) -> None:
    with pytest.raises(meaning, match=words) as caught, translated():
        raise error
    assert caught.value.__cause__ is error


def test_every_error_of_redis_py_is_mapped() -> None:
    classes = [exceptions.RedisError]
    for found in classes:
        classes.extend(found.__subclasses__())
    assert len(classes) > 20
    for found in classes:
        with pytest.raises((LedgerRefused, LedgerUnavailable)), translated():
            raise found.__new__(found)  # some want arguments of their own
