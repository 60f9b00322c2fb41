"""What the settings say a picture may be: the same for workers and for commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits

if TYPE_CHECKING:
    from worker.settings.model import Settings


def image_limits(settings: Settings) -> ImageLimits:
    """The limits that `settings` set."""
    return ImageLimits(
        byte_limit=settings.image_byte_limit,
        pixel_limit=settings.image_pixel_limit,
        formats=frozenset(map(ImageFormat, settings.image_formats)),
        fit_byte_limit=settings.image_fit_byte_limit,
        fit_formats=frozenset(map(ImageFormat, settings.image_fit_formats)),
    )
