"""What Chromium and Firefox show of image files: whole, in part, moving, or nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from worker.images.formats import ImageFormat, recognise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROGRAMS = {
    "Chromium": ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                 "--force-color-profile=srgb", "--remote-debugging-port=0",
                 "--user-data-dir={home}", "{url}"),
    "Firefox": ("firefox-esr", "--headless", "--no-remote", "--profile", "{home}", "{url}"),
}  # fmt: skip
_SECONDS = 100

# A browser that cannot decode an image may never say so: nothing is waited for without a limit.
_PAGE = """<!doctype html><meta charset=utf-8><script>
const within = (seconds, promise) =>
  Promise.race([promise, new Promise(done => setTimeout(done, 1000 * seconds, null))]);
const pixels = (image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return [...context.getImageData(0, 0, canvas.width, canvas.height).data].join(" ");
};
const frames = async (url, type) => {
  const decoder = new ImageDecoder({data: await (await fetch(url)).arrayBuffer(), type});
  await within(1, decoder.completed);
  await within(1, decoder.tracks.ready);
  return decoder.tracks.selectedTrack.frameCount;
};
(async () => {
  const shown = [];
  for (const [number, type] of TYPES.entries()) {
    const image = new Image(), url = `/image/${number}`;
    image.src = url;
    const one = {width: 0, pixels: null, frames: 0};
    try {
      await within(3, new Promise((done, failed) => [image.onload, image.onerror] = [done, failed]));
      await within(2, image.decode());
      one.width = image.naturalWidth;
      one.pixels = pixels(image);
      one.frames = await frames(url, type);
    } catch (error) { one.error = String(error); }
    shown.push(one);
  }
  await fetch("/", {method: "POST", body: JSON.stringify(shown)});
})();
</script>"""  # noqa: E501 - a line of JavaScript


@dataclass(frozen=True, slots=True)
class Shown:
    """What a browser shows of a file.

    Attributes:
        width: of the image; 0 if it shows nothing.
        pixels: in RGBA, as text; None if it shows nothing.
        frames: how many there are; 0 if the browser does not tell.
    """

    width: int
    pixels: str | None
    frames: int


def show(browser: str, images: Sequence[bytes], home: Path) -> list[Shown] | None:
    """What the browser shows of each file; None if the browser is not installed.

    Args:
        browser: one of `PROGRAMS`.
        images: the files.
        home: an empty folder for its profile.
    """
    program, *arguments = PROGRAMS[browser]
    found = shutil.which(program)
    if found is None:
        return None
    site = _Site(images)
    url = f"http://127.0.0.1:{site.server_port}/"
    threading.Thread(target=site.serve_forever, daemon=True).start()
    process = subprocess.Popen(
        [found, *(each.format(home=home, url=url) for each in arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"HOME": str(home)},
    )
    try:
        assert site.answered.wait(_SECONDS), f"{browser} did not answer"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        site.shutdown()
        site.server_close()
    return [Shown(one["width"], one["pixels"], one["frames"]) for one in site.answer]


def drawn_by_browser(images: Mapping[str, bytes], home: Path) -> dict[str, Image.Image]:
    """What Chromium shows of every file, in RGBA; without those of which it shows nothing."""
    answer = show("Chromium", list(images.values()), home)
    if answer is None:
        pytest.skip("there is no Chromium")
    drawn = {}
    for name, one in zip(images, answer, strict=True):
        if one.pixels:
            values = bytes(map(int, one.pixels.split()))
            size = one.width, len(values) // 4 // one.width
            drawn[name] = Image.frombytes("RGBA", size, values)
    return drawn


class _Site(ThreadingHTTPServer):
    """The page, its images, and its answer."""

    def __init__(self, images: Sequence[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.images = images
        self.answered = threading.Event()
        self.answer: list[dict[str, Any]] = []

    def content(self, path: str) -> tuple[bytes, str]:
        if path == "/":
            types = json.dumps([_type(image) for image in self.images])
            return _PAGE.replace("TYPES", types).encode(), "text/html"
        image = self.images[int(path.removeprefix("/image/"))]
        return image, _type(image)


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            self.send_error(404)
            return
        body, kind = self.server.content(self.path)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _type(image: bytes) -> str:
    found = recognise(image)
    return found.content_type if isinstance(found, ImageFormat) else "image/png"
