"""What an answer of the endpoint says of the rate limit; read in `endpoint`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """The rate limit of a key as the endpoint sees it [V2]; None where it does not say.

    Attributes:
        limit: requests allowed in its window, which it does not name.
        remaining: how many of them are left.
        reset_after: seconds until the window is reset, a day at most.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None
