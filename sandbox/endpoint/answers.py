"""The documented responses as plain values, for the test kit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.endpoint import responses
from sandbox.endpoint.responses import UPLOAD_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UPLOAD_PATH", "documented"]


@dataclass(frozen=True)
class Answer:
    """Headers and body."""

    headers: Mapping[str, str]
    body: bytes


def documented(status: int) -> Answer:
    """The response with this status."""
    response = responses.documented(status)
    headers = {k: v for k, v in response.headers.items() if k == "Location"}
    return Answer(headers, bytes(response.body) if isinstance(response.body, bytes) else b"")
