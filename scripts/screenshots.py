"""Take the screenshots of Flower in docs/images/ from a live run.

    .venv/bin/python scripts/screenshots.py

Starts a Redis, the sandbox endpoint, two worker processes and Flower, enqueues jobs that end in
every state, and photographs the pages with headless Chromium. Look at the result before you
commit it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from PIL import Image

from facelift import UploadClient
from sandbox.child import ChildProcess
from sandbox.endpoint.process import EndpointProcess
from sandbox.redis_server import RedisServer
from sandbox.samples import write_samples

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORT = 5599
FLOWER = f"http://127.0.0.1:{PORT}"
CHROMIUM = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb"),
    "--virtual-time-budget=4000",
)


def start(stack: ExitStack, *command: str, **environment: str) -> None:
    """Run one of our programs until the stack is closed."""
    program = ChildProcess(
        [sys.executable, "-m", *command],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(program.stop, 10)


def play(client: UploadClient, endpoint: EndpointProcess) -> str:
    """Enqueue jobs that end in every state; returns a job that waits for its next attempt."""
    endpoint.add_rule("closed-shop", "status", status=404)
    endpoint.add_rule("bakery", "status", status=500)
    endpoint.add_rule("bookshop", "status", status=500, times=1)
    endpoint.add_rule("museum", "status", status=429, headers={"Retry-After": "600"})
    endpoint.add_rule("garage", "delay", seconds=60)
    for chatbot, image in (
        ("florist", "iris.png"),
        ("hotel", "iris.png"),
        ("dentist", "portrait.jpg"),
        ("closed-shop", "iris.png"),
        ("museum", "iris.png"),
        ("library", "no-such-file.png"),
        ("bookshop", "iris.png"),
    ):
        account = "acme" if chatbot == "museum" else "default"
        client.enqueue(chatbot, f"media:{image}", account=account)
        time.sleep(0.3)
    cancelled = client.enqueue("museum", "media:peach.png", account="acme")
    time.sleep(0.3)
    client.cancel(cancelled.id)
    client.enqueue("garage", "media:iris.png")
    return client.enqueue("bakery", "media:iris.png").id


def wait_for_workers() -> None:
    """Wait until Flower's web server is up and lists the workers."""
    for _ in range(150):
        try:
            if b"facelift@" in urlopen(f"{FLOWER}/workers?json=1").read():  # noqa: S310 - http
                return
        except URLError:
            pass
        time.sleep(0.2)
    sys.exit("screenshots: Flower lists no worker")


def photograph(name: str, path: str, size: str) -> None:
    """Take one screenshot."""
    target = IMAGES / f"{name}.png"
    with tempfile.TemporaryDirectory(prefix="facelift-chromium-") as profile:
        subprocess.run(
            (
                *CHROMIUM,
                f"--user-data-dir={profile}",
                f"--screenshot={target}",
                f"--window-size={size}",
                FLOWER + path,
            ),
            check=True,
            capture_output=True,
            timeout=60,
        )
    with Image.open(target) as taken:  # a third of the size, without a visible difference
        few = taken.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    few.save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Start everything, and take the screenshots."""
    IMAGES.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="facelift-screenshots-"))
        write_samples(Path(folder))
        redis = stack.enter_context(RedisServer(Path(folder, "redis")))
        endpoint = stack.enter_context(EndpointProcess(options=("--latency", "150ms")))
        client = stack.enter_context(UploadClient(redis.url))
        start(
            stack,
            *("facelift.cli", "worker", "--processes=2"),
            FACELIFT_REDIS_URL=redis.url,
            FACELIFT_ENDPOINT_URL=endpoint.url,
            FACELIFT_API_KEY=endpoint.api_key,
            FACELIFT_API_KEY_ACME=endpoint.api_key,
            FACELIFT_IMAGE_STORES=f"media=file://{folder}",
            FACELIFT_BACKOFF_BASE="30s",
        )
        start(
            stack,
            *("celery", "-A", "monitor.app", "flower", "--address=127.0.0.1", f"--port={PORT}"),
            f"--conf={ROOT}/deploy/flower/flowerconfig.py",
            FACELIFT_REDIS_URL=redis.url,
        )
        wait_for_workers()
        waiting = play(client, endpoint)
        time.sleep(3)
        photograph("flower-tasks", "/tasks", "1560,820")
        photograph("flower-task", f"/task/{waiting}", "1100,1000")
        photograph("flower-workers", "/workers", "1300,530")


if __name__ == "__main__":
    main()
