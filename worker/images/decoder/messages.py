"""What a worker and its decoder say to each other: a head in JSON, and a file's bytes.

JSON and not pickle: what took over a decoder must not take over the worker.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from traceback import format_exception
from typing import Any

from facelift.codes import OutcomeCode
from worker.errors import ImageRejected
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits, ValidImage

PREFIX = struct.Struct(">II")
"""Before a message: how long its head and its body are."""

READY = b"!"
"""What a child says once it can be asked."""

_LONGEST_TRACE = 10_000  # characters

Head = Mapping[str, Any]


def encode(head: Head, body: bytes = b"") -> list[bytes]:
    """The message, in pieces: the body is not copied."""
    text = json.dumps(head).encode()
    return [PREFIX.pack(len(text), len(body)) + text, body]


def encode_limits(limits: ImageLimits) -> Head:
    """Limits as plain values."""
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(limits).items()
    }


def decode_limits(plain: Head) -> ImageLimits:
    """The inverse of `encode_limits`."""
    values: dict[str, Any] = {
        name: frozenset(map(ImageFormat, value)) if isinstance(value, list) else value
        for name, value in plain.items()
    }
    return ImageLimits(**values)


def encode_image(image: ValidImage, original: bytes) -> list[bytes]:
    """An image that may be sent; without its bytes if they are the original's."""
    is_same = image.data is original
    head = {"format": image.format, "side": image.side, "fitted": image.fitted}
    return encode(head | {"same": is_same}, b"" if is_same else image.data)


def encode_failure(error: Exception) -> list[bytes]:
    """What `fit` raised."""
    match error:
        case ImageRejected():
            return encode({"code": error.code, "sentence": error.sentence})
        case MemoryError():
            return encode({"memory": "too little"})
        case _:
            return encode({"defect": "".join(format_exception(error))[-_LONGEST_TRACE:]})


def decode_answer(head: Head, body: bytes, original: bytes) -> ValidImage:
    """The inverse of `encode_image` and `encode_failure`.

    Raises:
        ImageRejected, MemoryError: as `fit` raised it.
        RuntimeError: `fit` raised something else.
        KeyError, ValueError, TypeError: it is no answer.
    """
    if "code" in head:
        raise ImageRejected(OutcomeCode(head["code"]), str(head["sentence"]))
    if "memory" in head:
        raise MemoryError
    if "defect" in head:
        raise RuntimeError(f"a decoder failed:\n{head['defect']}")
    data = original if head["same"] else body
    return ValidImage(data, ImageFormat(head["format"]), int(head["side"]), str(head["fitted"]))
