"""The one URL that webhooks go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from worker.http import Server, check_url, split_reaches
from worker.webhooks.payload import encode

if TYPE_CHECKING:
    from facelift.record import JobRecord
    from worker.webhooks.signature import Signer

AT_ONCE = 8
"""Requests of one worker under way at the same time."""

_EXAMPLE = "https://hooks.example.com/facelift"


class WebhookTarget:
    """Is told of jobs that ended. Any number of threads may share one.

    Args:
        server: where it is.
        url: which of the server's.
        signer: makes the headers by which it believes us.
        timeout: seconds for one request, from resolving the name to the status.
    """

    def __init__(self, server: Server, url: str, signer: Signer, timeout: float) -> None:
        self._server = server
        self._url = url
        self._signer = signer
        self._timeout = timeout

    @classmethod
    def from_url(cls, url: str, signer: Signer, timeout: float) -> Self:
        """The one that is written as https://hooks.example.com/facelift.

        Raises:
            ValueError: the URL is of another form, or cannot be used; does not repeat it.
        """
        target, reaches = split_reaches(url)
        check_url(target, _EXAMPLE, may_have_query=True)
        return cls(Server(target, reaches, connections=AT_ONCE), target, signer, timeout)

    def tell(self, record: JobRecord, at: float) -> int:
        """POST what became of a job, once; returns the status of the answer.

        The answer's body is not read, and its connection not kept: so the name is resolved,
        and its addresses checked, for each webhook anew.

        Args:
            record: of a job that has ended.
            at: Unix seconds; now.

        Raises:
            NoAnswer: there is none, or not in time.
        """
        body = encode(record)
        signed = self._signer.headers(record.id, at, body)
        headers = {"Content-Type": "application/json", **signed}
        with self._server.ask(
            "POST", self._url, headers, seconds=self._timeout, body=body
        ) as answer:
            return answer.status
