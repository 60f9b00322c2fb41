"""A bucket of S3, or of a compatible service (MinIO, R2, GCS), as image store.

botocore knows where a bucket is, finds the credentials and signs; `web.py` sends, with the bounds
of every store on the network.
"""

import re
from contextlib import AbstractContextManager, suppress
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote

from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, PartialCredentialsError, ProfileNotFound
from botocore.session import Session

from facelift.ledger.urls import split_url
from worker.errors import Failure
from worker.http import Answer, Reach, check_url
from worker.stores.protocol import NetworkLimits, missing, unavailable, unreadable
from worker.stores.web import Site, read_image

_OPTIONS = ("endpoint_url", "region", "profile")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")  # of AWS; GCS allows the longer ones
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_REGION_OF_OTHERS = "us-east-1"  # MinIO's own, and good for R2 and GCS

# Credentials come from files, programs and, if they are a role's, over the network.
_BOTOCORE_FAILS = (BotoCoreError, ClientError, OSError, RuntimeError, ValueError)

_CODE = re.compile(rb"<Code>([A-Za-z0-9._-]{1,64})</Code>")
_ERROR_BYTES = 16_384
_MISSING = {"NoSuchKey", "KeyTooLongError", "XMinioInvalidObjectName"}
_UNREADABLE = {
    "AccessDenied": "may not be read by the worker",
    "InvalidObjectState": "is in an archive, and has to be restored first",
}


class S3Store:
    """Reads the objects of a bucket whose keys begin with a prefix.

    Args:
        site: the bucket, and the prefix as a folder in it.
        credentials: botocore's.
        region: for which requests are signed.
    """

    def __init__(self, site: Site, credentials: Any, region: str) -> None:  # noqa: ANN401 - botocore is untyped
        self._site = site
        self._credentials = credentials
        self._region = region

    @classmethod
    def from_url(cls, url: str, limits: NetworkLimits) -> Self:
        """Open the store that is written as s3://bucket/prefix?region=eu-central-1.

        Raises:
            ValueError: the URL is of another form, or there are no credentials.
        """
        bucket, prefix, options = _parse(url)
        endpoint = options.get("endpoint_url")
        try:
            session = Session(profile=options.get("profile"))
            # For the requests by which botocore gets a role's credentials.
            session.set_default_client_config(
                Config(
                    connect_timeout=limits.timeout,
                    read_timeout=limits.timeout,
                    retries={"total_max_attempts": 1},
                )
            )
            region = options.get("region") or session.get_config_variable("region")
            base = _base_url(session, bucket, endpoint, region or _REGION_OF_OTHERS)
            credentials = session.get_credentials()
        except (PartialCredentialsError, ProfileNotFound) as error:
            raise ValueError(f"has no credentials: {error}") from error
        except _BOTOCORE_FAILS as error:
            raise ValueError(f"cannot be used: botocore says {type(error).__name__}") from error
        if not region and not endpoint:
            raise ValueError("needs a region: ?region=eu-central-1, or AWS_DEFAULT_REGION")
        if credentials is None:
            raise ValueError(
                "has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or another source that AWS's tools know"
            )
        # Any address: whoever chose the bucket chose the endpoint, a job's path is no part of the
        # host's name, and S3 has private addresses in a private network.
        site = Site(base + prefix, frozenset(Reach), limits)
        return cls(site, credentials, region or _REGION_OF_OTHERS)

    def read(self, path: str, limit: int) -> bytes:
        """See `ImageStore.read`."""
        with self._get(path) as answer:
            if answer.status == HTTPStatus.OK:
                return read_image(answer, path, limit)
            code = _error_code(answer)
        if code in _MISSING:
            raise missing(path, self._has)
        if code in _UNREADABLE:
            raise unreadable(path, _UNREADABLE[code])
        raise unavailable(f"it answered {answer.status}", code)

    def _has(self, path: str) -> bool:
        with suppress(Failure), self._get(path) as answer:
            return answer.status == HTTPStatus.OK
        return False

    def _get(self, path: str) -> AbstractContextManager[Answer]:
        url = self._site.url_of(path, may_begin_with_slash=True)
        return self._site.get(url, self._sign(url))

    def _sign(self, url: str) -> dict[str, str]:
        """The headers that sign a GET of `url`."""
        try:
            credentials = self._credentials.get_frozen_credentials()
        except _BOTOCORE_FAILS as error:
            raise unavailable(
                "the worker's credentials for it cannot be renewed", type(error).__name__
            ) from None  # it may quote what a program that hands out credentials said
        request = AWSRequest("GET", url)
        S3SigV4Auth(credentials, "s3", self._region).add_auth(request)
        return dict(request.headers.items())


def _parse(url: str) -> tuple[str, str, dict[str, str]]:
    """Bucket, prefix (percent-encoded, as it is signed) and options."""
    parts = split_url(url)
    if parts is None or parts.scheme != "s3" or parts.fragment:
        raise ValueError("must be like s3://bucket/prefix?region=eu-central-1")
    if "@" in parts.netloc:
        raise ValueError("must hold no credentials: they come from AWS_ACCESS_KEY_ID and the like")
    if not _BUCKET.fullmatch(parts.netloc):
        raise ValueError("must name a bucket after s3://")
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = dict(given)
    if (
        len(options) < len(given)
        or not options.keys() <= set(_OPTIONS)
        or not all(options.values())
    ):
        raise ValueError(f"may have, after its question mark, {', '.join(_OPTIONS)}; each once")
    if "endpoint_url" in options:
        try:
            check_url(options["endpoint_url"], "https://minio.example.com:9000")
        except ValueError as error:
            raise ValueError(f"has an endpoint_url that {error}") from error
    if not _REGION.fullmatch(options.get("region", _REGION_OF_OTHERS)):
        raise ValueError("must have a region like eu-central-1")
    return parts.netloc, quote(unquote(parts.path).strip("/"), safe="/"), options


def _base_url(session: Session, bucket: str, endpoint: str | None, region: str) -> str:
    """The bucket's URL, with a slash at its end, as botocore knows it."""
    client = session.create_client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            signature_version=UNSIGNED,
            # With "auto" it would be the global address, which redirects to the region's.
            s3={"addressing_style": "path" if endpoint else "virtual"},
            ignore_configured_endpoint_urls=True,
        ),
    )
    key = "-"
    url: str = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    return url.removesuffix(key)


def _error_code(answer: Answer) -> str | None:
    """S3's name for why there is no object.

    It says whether the object is refused or the request: 403 stands for both "this object is
    forbidden" and "the key is unknown". What is not known to be the object's own is the store's,
    and is retried.
    """
    found = _CODE.search(answer.read(_ERROR_BYTES))
    return found[1].decode() if found else None
