"""The job itself, the same for every peer: read, prove whole and square, POST, tell the outcome.

Where and with what comes from the environment, as it would for any worker; `environment` in
`processes.py` sets it.
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
    """Decode the picture in full, as one does with Pillow, and see that it is square."""
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        if picture.width != picture.height:
            raise ValueError("the picture is not square")


def read(picture: str) -> bytes:
    """A proven picture's bytes."""
    data = (MEDIA / picture).read_bytes()
    prove(data)
    return data


def post(bot: str, picture: str, data: bytes) -> requests.Response:
    """Send it, over this thread's own connection."""
    if not hasattr(_thread, "session"):
        _thread.session = requests.Session()
    session: requests.Session = _thread.session
    return session.post(
        URL,
        headers=HEADERS,
        data={"chatbotId": bot},
        files={"profilePictureFile": (picture, data, "image/jpeg")},
        timeout=TIMEOUT,
    )


def deliver(bot: str, picture: str) -> dict[str, int | str]:
    """The whole job; returns its outcome."""
    answer = post(bot, picture, read(picture))
    answer.raise_for_status()
    return {"status": answer.status_code, "message": answer.json()["message"]}


def new_session() -> aiohttp.ClientSession:
    """What the asynchronous peers share among their jobs; as many connections as jobs."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(TIMEOUT)
    )


async def deliver_async(
    session: aiohttp.ClientSession, bot: str, picture: str
) -> dict[str, int | str]:
    """The same job; reading and decoding are a thread's, so that the loop is not held up."""
    form = aiohttp.FormData({"chatbotId": bot})
    data = await asyncio.to_thread(read, picture)
    form.add_field("profilePictureFile", data, filename=picture, content_type="image/jpeg")
    async with session.post(URL, headers=HEADERS, data=form) as answer:
        answer.raise_for_status()
        return {"status": answer.status, "message": (await answer.json())["message"]}
