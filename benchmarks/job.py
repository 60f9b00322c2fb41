"""The job, the same for every peer: read, prove whole and square, POST, return the outcome.

Its settings come from the environment, as for any worker; `environment` in `processes.py` sets
them.
"""

from __future__ import annotations

import asyncio
import os
import threading
from io import BytesIO
from pathlib import Path

import aiohttp
import requests
from PIL import Image

REDIS = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "50"))
MEDIA = Path(os.environ.get("BENCH_MEDIA", "."))
URL = os.environ.get("BENCH_ENDPOINT_URL", "") + "/api/v1/upload-chatbot-profile-picture"
HEADERS = {"Authorization": f"Bearer {os.environ.get('BENCH_API_KEY', 'sandbox-key')}"}
TIMEOUT = 30
TOO_MANY = 429

_thread = threading.local()


def prove(data: bytes) -> None:
    """Decode the image in full, as one does with Pillow, and check that it is square."""
    with Image.open(BytesIO(data)) as image:
        image.load()
        if image.width != image.height:
            raise ValueError("the image is not square")


def read(image: str) -> bytes:
    """Read and prove an image; returns its bytes."""
    data = (MEDIA / image).read_bytes()
    prove(data)
    return data


def post(bot: str, image: str, data: bytes) -> requests.Response:
    """Send the image over this thread's connection."""
    if not hasattr(_thread, "session"):
        _thread.session = requests.Session()
    session: requests.Session = _thread.session
    return session.post(
        URL,
        headers=HEADERS,
        data={"chatbotId": bot},
        files={"profilePictureFile": (image, data, "image/jpeg")},
        timeout=TIMEOUT,
    )


def deliver(bot: str, image: str) -> dict[str, int | str]:
    """The whole job; returns its outcome."""
    answer = post(bot, image, read(image))
    answer.raise_for_status()
    return {"status": answer.status_code, "message": answer.json()["message"]}


def new_session() -> aiohttp.ClientSession:
    """The session that asynchronous peers share among their jobs, with a connection for each."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(TIMEOUT)
    )


async def deliver_async(
    session: aiohttp.ClientSession, bot: str, image: str
) -> dict[str, int | str]:
    """The same job; a thread reads and decodes, so that the event loop is not blocked."""
    form = aiohttp.FormData({"chatbotId": bot})
    data = await asyncio.to_thread(read, image)
    form.add_field("profilePictureFile", data, filename=image, content_type="image/jpeg")
    async with session.post(URL, headers=HEADERS, data=form) as answer:
        answer.raise_for_status()
        return {"status": answer.status, "message": (await answer.json())["message"]}
