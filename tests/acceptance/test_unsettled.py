"""An upload that got no answer, and is applied late, never replaces a newer delivered image."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import requests

from facelift import UploadClient
from facelift.codes import Decision
from sandbox.redis_server import free_port
from tests.acceptance.world import eventually, worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UNSETTLED, LATE = 6.0, 5.5  # seconds from a request's start


class LateEndpoint(ThreadingHTTPServer):
    """Leaves the first upload of a picture without an answer, and applies it `LATE` s later.

    Attributes:
        old: that picture's bytes.
        pictures: what each chatbot shows.
        uploads: the chatbots of all requests, in order.
        began: when the first request of each chatbot came, on the monotonic clock.
    """

    daemon_threads = True
    old: bytes
    pictures: dict[str, str]
    uploads: list[str]
    began: dict[str, float]

    def apply(self, chatbot: str, picture: str) -> None:
        self.pictures[chatbot] = picture


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LateEndpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        chatbot = body.split(b'name="chatbotId"\r\n\r\n')[1].split(b"\r\n")[0].decode()
        is_first = chatbot not in self.server.uploads
        self.server.uploads.append(chatbot)
        picture = "old" if self.server.old in body else "new"
        if is_first:
            self.server.began[chatbot] = time.monotonic()
            threading.Timer(LATE, self.server.apply, (chatbot, picture)).start()
            if not chatbot.startswith("reset"):
                time.sleep(LATE)
            self.close_connection = True
            return
        self.server.apply(chatbot, picture)
        answer = json.dumps({"message": "Uploaded."}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is for people."""


@contextmanager
def late_endpoint(old: bytes) -> Iterator[LateEndpoint]:
    server = LateEndpoint(("127.0.0.1", 0), Handler)
    server.old, server.pictures, server.uploads, server.began = old, {}, [], {}
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_newest_image_stands_also_when_the_worker_is_killed(
    environment: dict[str, str], media: Path, tmp_path: Path
) -> None:
    metrics = free_port()
    with late_endpoint((media / "good.png").read_bytes()) as endpoint:
        settings = environment | {
            "FACELIFT_KEY_PREFIX": "unsettled",
            "FACELIFT_ENDPOINT_URL": f"http://127.0.0.1:{endpoint.server_port}",
            "FACELIFT_UNSETTLED_FOR": f"{UNSETTLED:g}s",
            "FACELIFT_REQUEST_TIMEOUT": "1s",
            "FACELIFT_READ_TIMEOUT": "1s",
            "FACELIFT_METRICS_PORT": str(metrics),
        }
        client = UploadClient(settings["FACELIFT_REDIS_URL"], key_prefix="unsettled")
        newer: list[str] = []

        def upload(*chatbots: str) -> None:
            """An old image, and a newer one once the old is on its way."""
            for chatbot in chatbots:
                client.enqueue(chatbot, "media:good.png")
            eventually(lambda: set(chatbots) <= set(endpoint.uploads), "nothing was sent")
            newer.extend(client.enqueue(chatbot, "media:other.png").id for chatbot in chatbots)

        with worker(tmp_path / "first.log", settings) as first:
            upload("slow-1", "slow-2", "slow-3", "reset-1", "reset-2")
            for job in newer:
                assert client.wait(job, 10).state == "succeeded"
            assert all(client.status(job).repeat_at for job in newer)
            answered = len(newer)
            upload("killed-1", "killed-2")
            first.kill()  # while these two are in flight
        with worker(tmp_path / "second.log", settings):
            for job in newer:
                client.wait(job, 20)
            last = max(endpoint.began.values()) + LATE
            eventually(lambda: time.monotonic() > last, "its last late answer is not due")
            eventually(
                lambda: not any(client.status(job).repeat_at for job in newer),
                "an image is not repeated",
            )
            counted = requests.get(f"http://127.0.0.1:{metrics}/metrics", timeout=10).text
        records = [client.status(job) for job in newer]
        client.close()
    repeated = [each for each in records if each.attempts[-1].decision == Decision.REPEAT]
    assert len(repeated) >= answered  # a killed one may be delivered when its time is over
    assert set(endpoint.pictures.values()) == {"new"}, endpoint.pictures
    assert {str(each.state) for each in records} == {"succeeded"}
    assert len(endpoint.uploads) == 2 * len(newer) + len(repeated)
    assert f"facelift_repeated_uploads_total {len(repeated)}.0" in counted
