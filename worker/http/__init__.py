"""The one HTTP client under endpoint, image stores and webhooks.

client           one server, and requests to it
├── adapter      requests' adapter over our own connections; whom they trust
├── head         the head of an answer, put in order for http.client
├── exchange     what one request may take: total time, silence, lease; and its sockets
├── dial         a name's addresses, each checked, and a connection to one of them
├── addresses    which URLs and addresses there are: public, private, never
└── faults       no answer: what an exception stands for

What an answer means is its caller's business. No redirect is followed, no cookie kept, no
`.netrc` read. A request is sent twice only if a connection that was used before is lost before
anything of an answer came.
"""

from worker.http.addresses import (
    SCHEMES,
    Reach,
    address_of,
    check_url,
    is_metadata,
    split_reaches,
)
from worker.http.client import Answer, HttpClient
from worker.http.exchange import RequestLimits
from worker.http.faults import Fault, NoAnswer

__all__ = [
    "SCHEMES",
    "Answer",
    "Fault",
    "HttpClient",
    "NoAnswer",
    "Reach",
    "RequestLimits",
    "address_of",
    "check_url",
    "is_metadata",
    "split_reaches",
]
