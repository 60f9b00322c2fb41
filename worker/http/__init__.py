"""The way to servers that a setting names: one request, bounded in time and place.

What an answer means is its caller's affair: an image store's, or that of webhooks.

server           one web server, and requests to it
├── connection   sockets and connections: a limit for all of an answer, pinned addresses
│   └── dial     a name's addresses, each checked, and a connection to one of them
│       ├── lookup     resolving a name in bounded time
│       └── addresses  which addresses there are: public, private, never
└── faults       no answer: what the exception stands for

No proxy of the environment is used: it would resolve names by itself, so that nothing here
could say where a request goes. No redirect is followed, no cookie kept, no `.netrc` read.
"""

from __future__ import annotations

from worker.http.addresses import Reach
from worker.http.faults import NoAnswer
from worker.http.server import SCHEMES, Server, check_url, split_reaches

__all__ = ["SCHEMES", "NoAnswer", "Reach", "Server", "check_url", "split_reaches"]
