"""The endpoint, as the rest of the worker sees it: `EndpointClient.deliver`.

One request, one result: when to retry, and how often, is decided elsewhere.

client           one delivery from end to end
├── routes       the table of what can be asked
├── request      what is sent: headers, file name, body
├── faults       no answer: which failure it is
└── answer       an answer: the receipt or failure that its status stands for
    ├── pause    what headers say of the rate limit, and how long a 429 asks to wait
    └── redact   foreign text made fit to be kept: no key, no control characters

The way there is `worker/http/`.
"""

from worker.endpoint.answer import Receipt
from worker.endpoint.client import EndpointClient
from worker.http import RequestLimits

__all__ = ["EndpointClient", "Receipt", "RequestLimits"]
