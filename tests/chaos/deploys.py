"""Faults of a deploy: a worker with other settings than the rest, a store that is not mounted."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.chaos.scene import NotNow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.scene import Scene

_START = 10.0  # seconds in which a worker is ready, or is replaced before it was


def start_with_a_stale_key(scene: Scene) -> None:
    """A worker has an API key that the endpoint refuses; the others have the right one."""
    with _deployed(scene, {"FACELIFT_API_KEY": "chaos-retired-key"}):
        time.sleep(scene.between(2, 4))


def start_without_the_store(scene: Scene) -> None:
    """A worker does not know the store of the images, as in a rolling deploy; the others do."""
    with _deployed(scene, {"FACELIFT_IMAGE_STORES": f"attic=file://{scene.world.shots}"}):
        time.sleep(scene.between(2, 4))


def unmount_the_store(scene: Scene) -> None:
    """No worker finds an image, nor the store's marker."""
    scene.world.unmount()
    try:
        time.sleep(scene.between(2, 4))
    finally:
        scene.world.mount()


@contextmanager
def _deployed(scene: Scene, changed: dict[str, str]) -> Iterator[None]:
    """One worker has these settings, and is ready, while the block runs."""
    worker = scene.worker
    if not worker.is_ready:
        raise NotNow
    worker.deploy(changed)
    try:
        until = time.monotonic() + _START
        while not worker.is_ready and time.monotonic() < until:
            time.sleep(0.1)
        yield
    finally:
        worker.deploy({})
