"""Sets or removes one image: a request, and the receipt or failure it comes to."""

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from facelift.asset import Action, Asset
from facelift.codes import OutcomeCode
from worker.endpoint.answer import Receipt, judge
from worker.endpoint.faults import cause, translate
from worker.endpoint.request import EndpointRequests
from worker.errors import DeliveryFailed, DeliveryRefused, LeaseLost
from worker.http import Answer, Fault, HttpClient, NoAnswer, RequestLimits
from worker.images.validate import ValidImage

_KEY = re.compile(r"[!-~]+")
_DEFAULT_LIMITS = RequestLimits()


class EndpointClient:
    """Sets and removes images at the endpoint. Any number of threads may share one.

    Proxies and trusted certificates are those of the environment in which the client is made.

    Args:
        base_url: without a path, such as https://www.chatbase.co.
        limits: what one request may take.
        connections: how many idle ones are kept.
        now: Unix seconds.

    Raises:
        ValueError: the certificates that the environment names cannot be read.
    """

    def __init__(
        self,
        base_url: str,
        limits: RequestLimits = _DEFAULT_LIMITS,
        *,
        connections: int = 100,
        now: Callable[[], float] = time.time,
    ) -> None:
        base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).hostname or "the endpoint"
        self._limits = limits
        self._now = now
        self._http = HttpClient(base_url, limits, connections=connections)
        self._requests = EndpointRequests(base_url)

    def deliver(
        self,
        image: ValidImage | None,
        *,
        chatbot_id: str,
        api_key: str,
        asset: Asset = Asset.PROFILE_PICTURE,
        may_send: Callable[[], bool] = lambda: True,
        before_sending: Callable[[], None] = lambda: None,
        seconds: float | None = None,
    ) -> Receipt:
        """Make `image` the chatbot's picture or icon: one request, never repeated.

        Args:
            image: what to send; None takes away what is there.
            chatbot_id: whose image it becomes.
            api_key: of the account.
            asset: which of the chatbot's images.
            may_send: whether the job's lease is still held. Asked before each block is sent, and
                while the answer is awaited; it must neither block nor raise.
            before_sending: called once the connection stands, before the first byte is sent; again
                if it is sent once more, since a connection that was used before was lost. It may
                block, and raise what keeps the request from being sent.
            seconds: that the request may take, if less than the client's limit.

        Raises:
            DeliveryRefused: the endpoint refused it, or the key cannot be one.
            DeliveryFailed: the request did not get through, or the endpoint failed.
            RateLimited: the endpoint asked for a pause.
            LeaseLost: `may_send` said no; the request was cut off.
            Exception: what `before_sending` raised.
        """
        if not _KEY.fullmatch(api_key):
            raise DeliveryRefused(
                OutcomeCode.UNAUTHORIZED,
                "The account's API key cannot be sent: it must be of printable ASCII characters, "
                "without spaces.",
            )

        def check() -> None:
            if not may_send():
                raise LeaseLost("the lease was lost before the request was over")

        request = self._requests.make(image, chatbot_id=chatbot_id, api_key=api_key, asset=asset)
        limits = self._limits.within(seconds)
        try:
            with self._http.send(
                request, check, before_sending=before_sending, limits=limits
            ) as answer:
                body = self._read(answer)
        except NoAnswer as error:
            raise self._failure(error, limits) from cause(error, api_key)
        return judge(
            answer.status,
            answer.headers,
            body,
            url=request.url or "",
            api_key=api_key,
            action=Action.REMOVE if image is None else Action.SET,
            now=self._now(),
        )

    def reach(self) -> None:
        """Connect as for a delivery, through a proxy and TLS too, and send nothing.

        Raises:
            DeliveryFailed: there is no way to the endpoint.
        """
        try:
            self._http.reach()
        except NoAnswer as error:
            raise self._failure(error, self._limits) from cause(error, "")

    def close(self) -> None:
        """Close all connections; for when no delivery is under way."""
        self._http.close()

    def _read(self, answer: Answer) -> bytes:
        if not answer.is_framed:
            return b""  # what the status says counts, whatever became of the headers
        try:
            return answer.read(self._limits.response_bytes)
        except NoAnswer as error:
            if answer.status // 100 == 2 or error.fault is Fault.OVERDUE:  # noqa: PLR2004 - 2xx
                raise
            return b""  # a refusal counts with or without its explanation

    def _failure(self, error: NoAnswer, limits: RequestLimits) -> DeliveryFailed:
        return translate(error, host=self._host, limits=limits)
