"""The one HTTP client under endpoint, image stores and webhooks.

client           one server, and requests to it
├── adapter      requests' adapter over our own connections; whom they trust
├── exchange     what one request may take: total time, silence, lease; and its sockets
├── dial         a name's addresses, each checked, and a connection to one of them
├── addresses    which URLs and addresses there are: public, private, never
└── faults       no answer: what an exception stands for

What an answer means is its caller's business. No redirect is followed, no cookie kept, no
`.netrc` read, nothing sent twice.
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
