"""A bucket, on a server that checks signatures and permissions, and answers it does not give."""

from __future__ import annotations

import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import CredentialRetrievalError

from facelift.codes import OutcomeCode
from tests.integration.endpoint.wire import answering
from worker.errors import Failure, StoreUnavailable
from worker.stores import NetworkLimits, open_stores
from worker.stores.s3 import S3Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.endpoint.wire import Serve
    from tests.integration.stores.backends import S3
    from worker.stores import ImageStore

LIMIT = 1_000
SECRET = "canary/secret+key"


@pytest.fixture(autouse=True)
def credentials(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY")
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def opened(url: str) -> ImageStore:
    return open_stores({"media": url}, NetworkLimits(timeout=0.5))["media"]


def failure(store: ImageStore) -> Failure:
    with pytest.raises(Failure) as caught:
        store.read("42.png", LIMIT)
    return caught.value


def problem(url: str) -> str:
    with pytest.raises(ValueError, match="media: ") as caught:
        opened(url)
    assert SECRET not in str(caught.value)
    return str(caught.value.args[0]).removeprefix("media: ")


def base_of(url: str) -> str:
    store = opened(url)
    assert isinstance(store, S3Store)
    return store._site.url_of("42.png")


# Where a bucket is


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("s3://pics?region=eu-west-1", "https://pics.s3.eu-west-1.amazonaws.com/"),
        ("s3://pics/?region=eu-west-1", "https://pics.s3.eu-west-1.amazonaws.com/"),
        ("s3://pics/a/b/?region=eu-west-1", "https://pics.s3.eu-west-1.amazonaws.com/a/b/"),
        (
            "s3://pics/a+b%20c?region=eu-west-1",
            "https://pics.s3.eu-west-1.amazonaws.com/a%2Bb%20c/",
        ),
        ("s3://p.ics?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/p.ics/"),
        ("s3://pics?region=cn-north-1", "https://pics.s3.cn-north-1.amazonaws.com.cn/"),
        ("s3://pics/a?endpoint_url=http://127.0.0.1:9000", "http://127.0.0.1:9000/pics/a/"),
        (
            "s3://pics?endpoint_url=https://1a.r2.cloudflarestorage.com&region=auto",
            "https://1a.r2.cloudflarestorage.com/pics/",
        ),
        (
            "s3://my_pics?endpoint_url=https://storage.googleapis.com",
            "https://storage.googleapis.com/my_pics/",
        ),
    ],
)
def test_a_bucket_is_found_where_its_url_says(url: str, where: str) -> None:
    assert base_of(url) == f"{where}42.png"


def test_no_endpoint_of_the_environment_changes_that(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    environment.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    assert base_of("s3://pics?region=eu-west-1").startswith("https://pics.s3.eu-west-1.amazonaws")


def test_the_region_may_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    assert problem("s3://pics").startswith("needs a region: ?region=")
    environment.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert base_of("s3://pics").startswith("https://pics.s3.eu-north-1.amazonaws.com/")


def test_a_profile_brings_credentials_of_its_own(
    s3: S3, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key_id, secret = s3.secrets[:2]
    (tmp_path / "aws credentials").write_text(
        f"[shop]\naws_access_key_id={key_id}\naws_secret_access_key={secret}\n"
    )
    environment.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    endpoint = s3.secrets[2]
    s3.put("42.png", b"a picture")
    url = f"s3://{s3.bucket}/bots%20of+mine?endpoint_url={endpoint}"
    assert opened(f"{url}&profile=shop").read("42.png", LIMIT) == b"a picture"
    assert "SignatureDoesNotMatch" in failure(opened(url)).sentence
    assert problem(f"{url}&profile=nobody") == (
        "has no credentials: The config profile (nobody) could not be found"
    )


@pytest.mark.parametrize("prefix", ["", "/bots"])
@pytest.mark.parametrize("key", ["/42.png", "/a b/+\u00e9.png", "42.png"])
def test_a_key_may_begin_with_a_slash(s3: S3, prefix: str, key: str) -> None:
    s3.put_key(f"{prefix}/{key}".removeprefix("/"), b"a picture")
    assert s3.open(f"s3://{s3.bucket}{prefix}").read(key, LIMIT) == b"a picture"
    with pytest.raises(Failure) as caught:
        s3.open(f"s3://{s3.bucket}{prefix}").read(key.removeprefix("/") + "x", LIMIT)
    assert caught.value.code is OutcomeCode.IMAGE_NOT_FOUND


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://", "must name a bucket"),
        ("s3:///prefix", "must name a bucket"),
        ("s3://-bucket", "must name a bucket"),
        ("s3://bucket:80", "must name a bucket"),
        (f"s3://AKIACANARY:{SECRET}@bucket", "must be like s3://"),
        ("s3://AKIACANARY:secret@bucket", "must hold no credentials"),
        ("s3://bucket#x", "must be like s3://"),
        ("s3://bücket", "must be like s3://"),
        ("s3://bucket?regoin=eu-west-1", "may have, after its question mark, endpoint_url, region"),
        ("s3://bucket?region=", "may have, after its question mark"),
        ("s3://bucket?region=a&region=b", "may have, after its question mark"),
        ("s3://bucket?region=a.evil.example/", "must have a region like eu-central-1"),
        ("s3://bucket?endpoint_url=minio:9000", "has an endpoint_url that must be a base URL"),
        ("s3://bucket?endpoint_url=https://u:p@minio", "has an endpoint_url that must have no"),
        ("s3://bucket?endpoint_url=http://8.8.8.8", "has an address for its host that is not"),
        ("s3://bucket?endpoint_url=http://169.254.169.254", "has an address for its host that no"),
    ],
)
def test_a_url_that_names_no_bucket_is_a_problem(url: str, why: str) -> None:
    assert problem(url).startswith(why)


def test_other_errors_of_botocore_are_named_by_their_type(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "aws config").write_text(f"{SECRET}\n")
    assert problem("s3://bucket?region=eu-west-1") == (
        "cannot be used: botocore says ConfigParseError"
    )
    environment.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert base_of("s3://bucket?region=eu-west-1")


def test_no_credentials_are_a_problem(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    assert problem("s3://bucket?region=eu-west-1") == (
        "has no credentials: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY"
    )
    environment.delenv("AWS_ACCESS_KEY_ID")
    assert problem("s3://bucket?region=eu-west-1").startswith(
        "has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


# Who is to blame


def test_a_wrong_secret_is_the_stores_fault_not_the_images(
    s3: S3, environment: pytest.MonkeyPatch
) -> None:
    s3.put("42.png", b"a picture")
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    error = failure(s3.open(f"s3://{s3.bucket}/bots%20of+mine"))
    assert error.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert error.sentence == (
        "The image store is not available; it answered 403: SignatureDoesNotMatch."
    )


def test_an_unknown_key_is_the_stores_fault(s3: S3, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")
    error = failure(s3.open(f"s3://{s3.bucket}"))
    assert error.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert "InvalidAccessKeyId" in error.sentence


def test_a_bucket_that_is_not_there_is_the_stores_fault(s3: S3) -> None:
    error = failure(s3.open("s3://no-such-bucket"))
    assert error.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE
    assert "NoSuchBucket" in error.sentence


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, "<Error><Code>NoSuchKey</Code></Error>", OutcomeCode.IMAGE_NOT_FOUND),
        (400, "<Error><Code>KeyTooLongError</Code></Error>", OutcomeCode.IMAGE_NOT_FOUND),
        (400, "<Code>XMinioInvalidObjectName</Code>", OutcomeCode.IMAGE_NOT_FOUND),
        (403, "<Error><Code>AccessDenied</Code></Error>", OutcomeCode.IMAGE_UNREADABLE),
        (403, "<Error><Code>InvalidObjectState</Code></Error>", OutcomeCode.IMAGE_UNREADABLE),
        (403, "<Code>RequestTimeTooSkewed</Code>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (403, "<html>Forbidden</html>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (404, "<html>Not Found</html>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (400, "<Code>ExpiredToken</Code>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (401, "<Code>Unauthorized</Code>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (301, "<Code>PermanentRedirect</Code>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (503, "<Code>SlowDown</Code>", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (500, "", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
        (204, "", OutcomeCode.IMAGE_STORE_UNAVAILABLE),
    ],
)
def test_the_code_decides_and_what_is_unknown_is_the_stores(
    serve: Serve, status: int, body: str, code: OutcomeCode
) -> None:
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    server = serve(answering(answer.encode()))
    error = failure(opened(f"s3://images?endpoint_url={server.url}"))
    assert error.code is code
    assert "AKIACANARY" not in error.sentence
    assert server.connections == len(server.heads) == 1


def test_only_the_beginning_of_an_errors_body_is_read(serve: Serve) -> None:
    body = b"x" * 20_000 + b"<Code>NoSuchKey</Code>"
    answer = b"HTTP/1.1 404 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    error = failure(opened(f"s3://images?endpoint_url={serve(answering(answer)).url}"))
    assert error.code is OutcomeCode.IMAGE_STORE_UNAVAILABLE


def test_what_is_stored_as_compressed_comes_as_it_is_stored(serve: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
    server = serve(answering(head + b"\x1f\x8b\x08\x00"))
    store = opened(f"s3://images?endpoint_url={server.url}")
    assert store.read("42.png", LIMIT) == b"\x1f\x8b\x08\x00"


# Credentials that change


def test_a_session_token_goes_along(serve: Serve, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_SESSION_TOKEN", "canary-token")
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"))
    assert opened(f"s3://images?endpoint_url={server.url}").read("42.png", LIMIT) == b"x"
    assert "\r\nX-Amz-Security-Token: canary-token" in server.heads[0]
    signed = server.heads[0].partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
    assert SECRET not in server.heads[0]


@pytest.mark.parametrize(
    "error",
    [
        CredentialRetrievalError(provider="p", error_msg=SECRET),
        RuntimeError(SECRET),
        FileNotFoundError(SECRET),
    ],
)
def test_credentials_that_cannot_be_renewed_are_an_outage(error: Exception) -> None:
    store = opened("s3://images?region=eu-west-1")
    assert isinstance(store, S3Store)

    def fail() -> None:
        raise error

    store._credentials = SimpleNamespace(get_frozen_credentials=fail)
    outage = failure(store)
    assert isinstance(outage, StoreUnavailable)
    assert SECRET not in "".join(traceback.format_exception(outage))
    assert outage.sentence == (
        "The image store is not available; the worker's credentials for it cannot be renewed: "
        f"{type(error).__name__}."
    )
