"""Builds the requests of the endpoint's routes, as its documentation has them."""

import secrets
from importlib.metadata import version
from urllib.parse import quote

from requests import PreparedRequest, Request

from facelift.asset import Action, Asset
from worker.endpoint.routes import ID_FIELD, ROUTES, Route
from worker.images.validate import ValidImage

# In no image, and nobody who makes one can guess it.
_BOUNDARY = secrets.token_hex(16)
_AFTER = f"\r\n--{_BOUNDARY}--\r\n".encode()

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # an uncompressed body cannot be a bomb
    "User-Agent": f"facelift/{version('facelift-client')}",
}
_FORM = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


class EndpointRequests:
    """Makes the requests to one server; requests parses each route's URL once.

    Args:
        base_url: without a path.
    """

    def __init__(self, base_url: str) -> None:
        self._templates = {of: _template(base_url, route) for of, route in ROUTES.items()}

    def make(
        self, image: ValidImage | None, *, chatbot_id: str, api_key: str, asset: Asset
    ) -> PreparedRequest:
        """The request that uploads `image`, or removes what is there if it is None.

        The file's name says its format and nothing else: pictures end on public URLs.
        """
        of = asset, Action.REMOVE if image is None else Action.SET
        request = self._templates[of].copy()
        request.headers["Authorization"] = f"Bearer {api_key}"
        if image is None:
            request.url = f"{request.url}?{ID_FIELD}={quote(chatbot_id, safe='')}"
        else:
            request.body = body = _form(ROUTES[of], image, chatbot_id)
            request.headers["Content-Length"] = str(len(body))
        return request


def _template(base_url: str, route: Route) -> PreparedRequest:
    headers = _HEADERS if route.file_field is None else _HEADERS | _FORM
    request = Request(route.method, base_url + route.path, headers=headers).prepare()
    request.headers.pop("Content-Length", None)  # of a DELETE: it has no body
    return request


def _form(route: Route, image: ValidImage, chatbot_id: str) -> bytes:
    before = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{ID_FIELD}"\r\n\r\n'
        f"{chatbot_id}\r\n"
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{route.file_field}"; '
        f'filename="{route.file_stem}{image.format.suffix}"\r\n'
        f"Content-Type: {image.content_type}\r\n\r\n"
    )
    return b"".join((before.encode(), image.data, _AFTER))
