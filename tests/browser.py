"""The pixels of images as headless Chromium draws them."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--hide-scrollbars", "--force-color-profile=srgb"),
)
READ = """
onload = () => {
  const found = {};
  for (const image of document.images) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    if (!canvas.width) { found[image.id] = null; continue; }
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    const text = Array.from(data, (byte) => String.fromCharCode(byte)).join("");
    found[image.id] = [canvas.width, canvas.height, btoa(text)];
  }
  document.getElementById("found").textContent = "FOUND" + JSON.stringify(found);
};
"""


def chromium(folder: Path, *arguments: str) -> str:
    """Run Chromium to its end, and return what it printed."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout


def drawn_by_browser(images: Mapping[str, bytes], folder: Path) -> dict[str, Image.Image]:
    """Every image in RGBA; without those that the browser does not show."""
    page = folder / "page.html"
    tags = (f'<img id="{name}" src="data:;base64,{_text(data)}">' for name, data in images.items())
    page.write_text(f"{''.join(tags)}<pre id=found></pre><script>{READ}</script>", "utf-8")
    found = re.search(
        r"FOUND(\{.*\})</pre>", chromium(folder, "--dump-dom", page.as_uri()), re.DOTALL
    )
    assert found, "the page was not loaded"
    return {
        name: Image.frombytes("RGBA", (one[0], one[1]), base64.b64decode(one[2]))
        for name, one in json.loads(html.unescape(found[1])).items()
        if one
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
