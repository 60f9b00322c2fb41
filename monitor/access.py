"""Who may see Flower's two pages that ask for no password: `/metrics` and `/healthcheck`."""

from __future__ import annotations

from functools import wraps
from ipaddress import ip_address
from typing import Any

from tornado.web import authenticated


def guard(handler: Any, *, is_open_on_loopback: bool = False) -> None:  # noqa: ANN401 - a handler's class
    """Have a page ask for the password that the others ask for.

    Args:
        handler: Flower's class for the page.
        is_open_on_loopback: it does not for who asks from the same machine, or container.
    """
    get = handler.get
    guarded = authenticated(get)

    @wraps(get)
    def get_if_allowed(self: Any) -> Any:  # noqa: ANN401 - the handler, and what it awaits
        is_near = is_open_on_loopback and ip_address(self.request.remote_ip).is_loopback
        return get(self) if is_near else guarded(self)

    handler.get = get_if_allowed
