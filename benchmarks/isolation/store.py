"""`python -m benchmarks.isolation.store`: an image store that sends a byte a second."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress
from typing import IO, Self, cast

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n"


class DrippingStore:
    """The store in its own process, started on entering the context and stopped on leaving it."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.isolation.store"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._output = cast("IO[str]", self._process.stdout)
        self.url = self._output.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._output.close()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_HEAD)
        while not reader.at_eof():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)


async def serve() -> None:
    """Serve until killed, and print the URL as a store's."""
    server = await asyncio.start_server(_drip, "127.0.0.1", 0, backlog=1_024)
    port = server.sockets[0].getsockname()[1]
    print(f"http+private://127.0.0.1:{port}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
