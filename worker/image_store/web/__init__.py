"""The way to stores on the network: one GET, bounded in size, time and place.

What an answer means is the stores' affair (`https.py`, `s3.py`).

site               one base URL, and GETs below it
├── path           a job's path as part of a URL that cannot leave the base
├── connection     sockets and connections: a limit for the whole of a read, pinned addresses
│   └── dial       a name's addresses, each checked, and a connection to one of them
│       ├── lookup     resolving a name in bounded time
│       └── addresses  which addresses there are: public, private, never
└── faults         no answer: what the exception stands for

No proxy of the environment is used: it would resolve names by itself, so that nothing here
could say where a request goes. No redirect is followed, no cookie kept, no `.netrc` read.
"""

from __future__ import annotations

from worker.image_store.web.addresses import Reach
from worker.image_store.web.site import Answer, NetworkLimits, Site, check_base_url

__all__ = ["Answer", "NetworkLimits", "Reach", "Site", "check_base_url"]
