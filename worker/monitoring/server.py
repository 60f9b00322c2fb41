"""The HTTP server of `/metrics`, `/livez` and `/readyz`."""

import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from facelift.errors import InvalidSettings
from worker.monitoring.health import Health, HealthCheck

log = logging.getLogger(__name__)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request; a subclass sets the attributes."""

    registry: CollectorRegistry
    probes: dict[str, Callable[[], Health]]
    timeout = 10  # seconds without a byte from the client

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        status, content_type = HTTPStatus.OK, "text/plain; charset=utf-8"
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            body = encode(self.registry)
        elif probe := self.probes.get(path):
            health = probe()
            status = HTTPStatus.OK if health.is_healthy else HTTPStatus.SERVICE_UNAVAILABLE
            body = f"{health.sentence}\n".encode()
        else:
            status = HTTPStatus.NOT_FOUND
            body = f"There are {', '.join(('/metrics', *self.probes))}.\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """Log requests at debug level only: they come every few seconds."""
        log.debug(format, *arguments)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type[_Handler]) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), handler)

    def server_bind(self) -> None:
        """Bind without the DNS query for the host's name that `HTTPServer` makes."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's
        """Log what is not a closed connection."""
        if not isinstance(sys.exception(), OSError):
            log.error("a scrape failed", exc_info=True)  # noqa: LOG014 - runs in an except block


@contextmanager
def serving(
    host: str, port: int, collectors: Iterable[Collector], health: HealthCheck
) -> Iterator[None]:
    """Serve the collectors' metrics and the probes, in a thread, while the block runs.

    Raises:
        InvalidSettings: the port is not available.
    """
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    probes = {"/livez": health.live, "/readyz": health.ready}
    handler = type("Handler", (_Handler,), {"registry": registry, "probes": probes})
    try:
        server = _Server(host, port, handler)
    except OSError as error:
        raise InvalidSettings(
            [f"FACELIFT_METRICS_PORT {port} cannot be listened on at {host}: {error.strerror}"]
        ) from error
    with server:
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
