"""Three real places for images, each with a store over it, for tests that all must pass."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from botocore.session import Session

from worker.stores import NetworkLimits, open_stores

if TYPE_CHECKING:
    import socket
    import ssl
    from pathlib import Path

    from worker.stores import ImageStore

LIMITS = NetworkLimits(timeout=5, connections=50)
PRIVATE = "private.png"
"""What nobody may read, once it is put."""


class Backend(Protocol):
    """A place for images.

    Attributes:
        store: reads from it.
        secrets: what no sentence may hold.
    """

    store: ImageStore
    secrets: tuple[str, ...]

    def put(self, path: str, data: bytes) -> None: ...

    def gone(self) -> ImageStore:
        """A store like this one, whose place is gone."""
        ...


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.secrets = (str(root),)
        self.store = open_stores({"media": root.as_uri()})["media"]

    def put(self, path: str, data: bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(0 if path == PRIVATE else 0o644)

    def gone(self) -> ImageStore:
        shutil.rmtree(self.root)
        return self.store


class ImageServer(ThreadingHTTPServer):
    """A web server of what is in `images`, below /images/."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.images: dict[str, bytes] = {}
        self._tls = tls
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.settimeout(10)
        # The handshake is made by the thread that reads first.
        return self._tls.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ImageServer

    def do_GET(self) -> None:
        path = unquote(self.path.removeprefix("/images/"))
        data = self.server.images.get(path)
        status = 404 if data is None else 403 if path == PRIVATE else 200
        body = data if data is not None and status == 200 else b"no"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Https:
    def __init__(self, server: ImageServer) -> None:
        self._server = server
        self._base = f"https+private://localhost:{server.server_port}/images/"
        self.secrets = ("localhost", str(server.server_port), "/images")
        self.store = open_stores({"media": self._base}, LIMITS)["media"]

    def put(self, path: str, data: bytes) -> None:
        self._server.images[path] = data

    def gone(self) -> ImageStore:
        self._server.close()
        return self.store


class S3Server:
    """A server that checks signatures and permissions, and who it knows.

    Attributes:
        endpoint: its URL.
        reader: key id and secret of who may read everything but `PRIVATE`.
        client: botocore's, of who may do everything.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.reader = self._make_user("reader", _ALLOW_READING)
        self.client = self._connect("s3", *self._make_user("admin", _ALLOW_ALL))

    def _connect(self, service: str, key_id: str, secret: str) -> Any:
        return Session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )

    def _make_user(self, name: str, policy: dict[str, Any]) -> tuple[str, str]:
        iam = self._connect("iam", "any", "any")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


class S3:
    """A new bucket, and a store of what it has below a prefix.

    Attributes:
        bucket: its name.
    """

    _numbers = itertools.count()

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self.bucket = f"images-{next(self._numbers)}"
        server.client.create_bucket(Bucket=self.bucket)
        self.secrets = (*server.reader, server.endpoint, self.bucket, "bots%20of", "bots of")
        self.store = self.open(f"s3://{self.bucket}/bots%20of+mine")

    def open(self, url: str, endpoint: str | None = None) -> ImageStore:
        url = f"{url}?endpoint_url={endpoint or self._server.endpoint}"
        return open_stores({"media": url}, LIMITS)["media"]

    def put(self, path: str, data: bytes) -> None:
        self.put_key(f"bots of+mine/{path}", data)

    def put_key(self, key: str, data: bytes) -> None:
        self._server.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def gone(self) -> ImageStore:
        return self.open(f"s3://{self.bucket}", "http://127.0.0.1:1")


def _policy(*statements: dict[str, str]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


_ALLOW_ALL = _policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
_ALLOW_READING = _policy(
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"},
    {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::images-*{PRIVATE}"},
)
