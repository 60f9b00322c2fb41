"""One delivery, from a valid picture to a receipt or a failure."""

from __future__ import annotations

import re
import threading
import time
import weakref
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from facelift.codes import OutcomeCode
from worker.endpoint.answer import judge
from worker.endpoint.faults import FAULTS, cause, translate
from worker.endpoint.form import upload_request
from worker.endpoint.limits import RequestLimits
from worker.endpoint.transport import Environment, Way
from worker.endpoint.watchdog import Watchdog
from worker.errors import DeliveryRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.endpoint.answer import Receipt
    from worker.images.validate import ValidImage

_PATH = "/api/v1/upload-chatbot-profile-picture"
_KEY = re.compile(r"[!-~]+")
_DEFAULT_LIMITS = RequestLimits()


class EndpointClient:
    """Sends pictures to the endpoint; any number of threads may share one.

    Each thread keeps one connection. Proxies and trusted certificates are those of
    the environment in which the client is made.

    Args:
        base_url: without a path, such as https://www.chatbase.co.
        limits: what one request may take.
        now: Unix seconds.
        monotonic: seconds that never go back.

    Raises:
        OSError: the certificates that the environment names cannot be read.
    """

    def __init__(
        self,
        base_url: str,
        limits: RequestLimits = _DEFAULT_LIMITS,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = base_url.rstrip("/") + _PATH
        self._host = urlsplit(base_url).hostname or "the endpoint"
        self._limits = limits
        self._now = now
        self._environment = Environment.read(self._url)
        self._watchdog = Watchdog(limits, monotonic)
        self._thread = threading.local()
        self._ways: weakref.WeakSet[Way] = weakref.WeakSet()
        self._lock = threading.Lock()

    def deliver(
        self,
        image: ValidImage,
        *,
        chatbot_id: str,
        file_name: str,
        api_key: str,
        may_send: Callable[[], bool] = lambda: True,
    ) -> Receipt:
        """Make `image` the chatbot's profile picture: one request, never repeated.

        Args:
            image: what to send.
            chatbot_id: whose picture it becomes.
            file_name: the stored file's name or path; only its base name is sent.
            api_key: of the account.
            may_send: whether the job is still ours. Asked before each block is sent, and
                while the answer is awaited; it must neither block nor raise.

        Raises:
            DeliveryRefused: the endpoint said no, or the key cannot be one.
            DeliveryFailed: the request did not get through, or the endpoint broke.
            RateLimited: the endpoint asked for a pause.
            LeaseLost: `may_send` said no; the request was broken off.
        """
        if not _KEY.fullmatch(api_key):
            raise DeliveryRefused(
                OutcomeCode.UNAUTHORIZED,
                "The account's API key cannot be sent: it must be of printable ASCII characters, "
                "without spaces.",
            )
        request = upload_request(
            image,
            chatbot_id=chatbot_id,
            file_name=file_name,
            api_key=api_key,
            may_send=may_send,
        )
        try:
            with self._watchdog.watch(may_send):
                answer = self._way().exchange(request)
        except FAULTS as error:
            raise translate(error, host=self._host, limits=self._limits) from cause(error, api_key)
        return judge(answer, url=self._url, api_key=api_key, now=self._now())

    def reach(self) -> None:
        """Connect as for a delivery, through a proxy and TLS too, and send nothing.

        Raises:
            DeliveryFailed: there is no way to the endpoint.
        """
        try:
            with self._watchdog.watch(lambda: True):
                self._way().reach()
        except FAULTS as error:
            raise translate(error, host=self._host, limits=self._limits) from cause(error, "")

    def close(self) -> None:
        """Close all threads' connections; for when no delivery is under way."""
        self._watchdog.stop()
        with self._lock:
            for way in self._ways:
                way.close()

    def _way(self) -> Way:
        way: Way | None = getattr(self._thread, "way", None)
        if way is None:
            way = self._thread.way = Way(self._url, self._environment, self._limits)
            with self._lock:
                self._ways.add(way)
        return way
