"""Where images are stored: named stores, each with its own way to read.

A store reads and bounds; whether the bytes are a valid image is decided in `worker/images/`.

opening      turns the settings' names and URLs into stores, by the URL's scheme
protocol     what every store does, and the errors that all share
├── folder   file:///srv/media
├── web      https://cdn.example.com/images/; and bounded GETs below a base URL, for S3 too
└── s3       s3://bucket/prefix, with botocore, which the extra `s3` brings
watched      a circuit breaker around each, and a limit on slow reads

Other packages add schemes by the entry-point group `facelift.stores`; see docs/stores.md.
"""

from worker.stores.folder import FolderStore
from worker.stores.opening import open_stores
from worker.stores.protocol import Aging, ImageStore, NetworkLimits
from worker.stores.watched import WatchedStore
from worker.stores.web import HttpsStore

__all__ = [
    "Aging",
    "FolderStore",
    "HttpsStore",
    "ImageStore",
    "NetworkLimits",
    "WatchedStore",
    "open_stores",
]
