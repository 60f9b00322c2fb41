"""The one URL that webhooks are sent to."""

from typing import Self

from requests import Request

from facelift.record import JobRecord
from worker.http import HttpClient, RequestLimits, check_url, split_reaches
from worker.webhooks.message import Signer, encode

_HEADERS = {
    "User-Agent": "facelift",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}
_EXAMPLE = "https://hooks.example.com/facelift"


class WebhookTarget:
    """Sends one webhook per call. Any number of threads may share one.

    Args:
        http: the client of its server.
        url: which of the server's.
        signer: makes the headers that prove who sends.
    """

    def __init__(self, http: HttpClient, url: str, signer: Signer) -> None:
        self._http = http
        self._url = url
        self._signer = signer

    @classmethod
    def from_url(cls, url: str, signer: Signer, timeout: float) -> Self:
        """The target that is written as https://hooks.example.com/facelift.

        Args:
            url: the setting.
            signer: makes the headers that prove who sends.
            timeout: seconds for one request, from resolving the name to the status.

        Raises:
            ValueError: the URL is of another form, or cannot be used; does not repeat it.
        """
        target, reaches = split_reaches(url)
        check_url(target, _EXAMPLE, may_have_query=True)
        limits = RequestLimits(connect=timeout, read=timeout, total=timeout)
        http = HttpClient(target, limits, connections=1, reaches=reaches)
        return cls(http, target, signer)

    def send(self, record: JobRecord, at: float) -> int:
        """POST a job's record, once; returns the status of the answer.

        The answer's body is not read, and its connection not kept: so the name is resolved,
        and its addresses are checked, for each webhook anew.

        Args:
            record: of a job that has ended.
            at: Unix seconds; now.

        Raises:
            NoAnswer: there is none, or not in time.
        """
        body = encode(record)
        headers = _HEADERS | self._signer.headers(record.id, at, body)
        request = Request("POST", self._url, headers=headers, data=body).prepare()
        with self._http.send(request) as answer:
            return answer.status
