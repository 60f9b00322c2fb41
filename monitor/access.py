"""Adds the password to Flower's two open pages, `/metrics` and `/healthcheck`."""

from functools import wraps
from ipaddress import ip_address
from typing import Any

from tornado.web import authenticated


def guard(handler: Any, *, is_open_on_loopback: bool = False) -> None:  # noqa: ANN401 - a handler's class
    """Have a page require the password that the other pages require.

    Args:
        handler: Flower's class for the page.
        is_open_on_loopback: whether requests from the same machine or container need none.
    """
    get = handler.get
    guarded = authenticated(get)

    @wraps(get)
    def get_if_allowed(self: Any) -> Any:  # noqa: ANN401 - a handler, and its awaitable
        is_local = is_open_on_loopback and ip_address(self.request.remote_ip).is_loopback
        return get(self) if is_local else guarded(self)

    handler.get = get_if_allowed
