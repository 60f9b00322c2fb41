"""The endpoint, as the rest of the worker sees it: `EndpointClient.deliver`.

The only room that knows requests and urllib3. One request, one result: when to
try again, and how often, is decided elsewhere.

client           one delivery from end to end
├── form         the request: headers, file name, body
├── transport    one connection a thread, what it trusts
├── watchdog     ends requests that take too long or have lost their lease
├── faults       no answer: which failure the exception stands for
└── answer       an answer: the receipt or failure that its status stands for
    ├── pause    what headers say of the rate limit, and how long a 429 asks us to wait
    └── wording  other people's text, made fit to be kept: no key, no control characters
"""

from __future__ import annotations

from worker.endpoint.answer import Receipt
from worker.endpoint.client import EndpointClient
from worker.endpoint.limits import RequestLimits

__all__ = ["EndpointClient", "Receipt", "RequestLimits"]
