"""Field types of settings: durations, rates, URLs, lists.

Each turns the text of a variable into a value, or raises with what would be valid, without
repeating the text. `load.py` puts the variable's name before it.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, SecretStr

from facelift.ledger.keys import Keys
from facelift.ledger.urls import check_redis_url, split_url
from facelift.units import Rate, parse_duration
from worker.http import address_of, is_metadata
from worker.images.cost import LARGEST_SIDE
from worker.monitoring.logs import LogFormat
from worker.settings.rates import OFF, read_rate

SMALLEST_SIZE = 16
"""Pixels that fitted images may be limited to."""

FormatName = Literal["png", "jpeg", "webp", "gif"]
FitFormatName = Literal["png", "jpeg", "webp", "gif", "avif", "heic"]

_STORE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_STORE_URL = re.compile(r"[a-z][a-z0-9+.-]*://.+")
_HOST = re.compile(r"[a-z0-9._:-]+")
_SINGLE_LABEL = re.compile(r"[a-z][a-z0-9_-]*")  # a leading digit could be an address in disguise
_PORT, _LAST_PORT = re.compile(r"[1-9][0-9]{0,4}"), 65_535
_NUMBER = re.compile(r"[0-9]{1,4}")
_PRIVATE_DOMAINS = (".localhost", ".local", ".internal", ".svc")


def read_duration(value: Any) -> Any:  # noqa: ANN401 - pydantic handles what is no text
    """Seconds; None, which pydantic refuses, for text that is no duration."""
    return parse_duration(value) if isinstance(value, str) else value


def _redis_url(secret: SecretStr) -> SecretStr:
    check_redis_url(secret.get_secret_value())
    return secret


def _key_prefix(value: str) -> str:
    return Keys(value).prefix


def _endpoint_url(value: str) -> str:
    parts = split_url(value)
    host = (parts and parts.hostname) or ""
    if parts is None or parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise ValueError("must be a base URL, such as https://www.chatbase.co")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("must have no user, password, query or fragment")
    address = address_of(host)
    if address and is_metadata(address):
        raise ValueError(
            "must not name a cloud's metadata service, nor another link-local address: it would "
            "get the API key"
        )
    if parts.scheme == "http" and not _is_private(host):
        raise ValueError(
            "must begin with https://, or the API key would travel in clear; "
            "http:// is for loopback and private hosts"
        )
    return value.rstrip("/")


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return bool(_SINGLE_LABEL.fullmatch(host)) or host.endswith(_PRIVATE_DOMAINS)


def _image_stores(value: object) -> object:
    if not isinstance(value, str):
        return value
    stores: dict[str, str] = {}
    problems = []
    for number, entry in enumerate(value.split(","), start=1):
        name, _, url = entry.strip().partition("=")
        if not _STORE_NAME.fullmatch(name):
            problems.append(f"entry {number} needs a name of 1 to 32 of a-z, 0-9, _ and -, then =")
        elif not (_STORE_URL.fullmatch(url) and url.isprintable()):
            problems.append(f"entry {number} needs a URL, such as media=file:///srv/images")
        elif name in stores:
            problems.append(f"entry {number} repeats a name")
        else:
            stores[name] = url
    if problems:
        raise ValueError(*problems)
    return stores


def _formats(value: object, known: Sequence[str]) -> object:
    if not isinstance(value, str):
        return value
    names = dict.fromkeys(name.strip().lower() for name in value.split(","))
    if "svg" in names:
        raise ValueError("can never have svg: an SVG may carry scripts for its viewers' browsers")
    if not names.keys() <= set(known):
        raise ValueError(f"must be one or more of {','.join(known)}")
    return tuple(names)


def _image_formats(value: object) -> object:
    return _formats(value, get_args(FormatName))


def _fit_formats(value: object) -> object:
    return _formats(value, get_args(FitFormatName))


def _fit_size(value: object) -> object:
    text = str(value).lower()
    if text == OFF:
        return None
    if not _NUMBER.fullmatch(text) or not SMALLEST_SIZE <= int(text) <= LARGEST_SIDE:
        raise ValueError(f"must be a whole number from {SMALLEST_SIZE} to {LARGEST_SIDE}, or {OFF}")
    return int(text)


def _log_format(value: object) -> object:
    found = str(value).lower()
    if found not in (known := [form.value for form in LogFormat]):
        raise ValueError(f"must be {' or '.join(known)}")
    return found


def read_switch(value: object) -> bool:
    """The truth value in a text.

    Raises:
        ValueError: it is neither true nor false.
    """
    found = str(value).lower()
    if found not in {"true", "false"}:
        raise ValueError("must be true or false")
    return found == "true"


def _port(value: object) -> object:
    text = str(value).lower()
    if text == OFF:
        return None
    if not _PORT.fullmatch(text) or int(text) > _LAST_PORT:
        raise ValueError(f"must be a port from 1 to {_LAST_PORT}, or {OFF}")
    return int(text)


def _host(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address, such as 127.0.0.1 or 0.0.0.0") from None


def _rate_limit(value: object) -> object:
    return read_rate(value) if isinstance(value, str) else value


IS_DURATION = BeforeValidator(read_duration)

Duration = Annotated[float, IS_DURATION]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
KeyPrefix = Annotated[str, AfterValidator(_key_prefix)]
EndpointUrl = Annotated[str, AfterValidator(_endpoint_url)]
ImageStores = Annotated[dict[str, str], BeforeValidator(_image_stores)]
AccountRates = dict[str, Rate | None]
RateLimit = Annotated[Rate | None, BeforeValidator(_rate_limit)]
Port = Annotated[int | None, BeforeValidator(_port)]
Host = Annotated[str, AfterValidator(_host)]
FitSize = Annotated[int | None, BeforeValidator(_fit_size)]
Switch = Annotated[bool, BeforeValidator(read_switch)]
LogForm = Annotated[LogFormat, BeforeValidator(_log_format)]
ImageFormats = Annotated[tuple[FormatName, ...], BeforeValidator(_image_formats)]
FitFormats = Annotated[tuple[FitFormatName, ...], BeforeValidator(_fit_formats)]
