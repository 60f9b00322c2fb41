"""The options of a Redis' URL; its other parts are tested with the worker's settings."""

from __future__ import annotations

import pytest

from facelift.ledger.urls import check_redis_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://h?",
        "unix:///run/redis.sock?db=1",
        "rediss://h/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=none&ssl_check_hostname=false",
    ],
)
def test_options_that_every_client_reads_alike_are_accepted(url: str) -> None:
    assert check_redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "takes"),
    [
        ("redis://h?foo=1", "redis:// takes none"),
        ("redis://h?foo=", "redis:// takes none"),
        ("redis://h?db=1", "redis:// takes none"),
        ("redis://h?decode_responses=no", "redis:// takes none"),
        ("redis://h?ssl_cert_reqs=none", "redis:// takes none"),
        ("unix:///s?db=x", "db must be a number"),
        ("unix:///s?db=1&foo=1", "unix:// takes db"),
        ("rediss://h?ssl_cert=x", "rediss:// takes ssl_ca_certs, ssl_certfile"),
        *(
            (
                f"rediss://h?ssl_cert_reqs={value}",
                "ssl_cert_reqs must be required or optional or none",
            )
            for value in ("CERT_NONE", "CERT_REQUIRED", "ssl.CERT_NONE", "None", "0", "")
        ),
        ("rediss://h?ssl_check_hostname=False", "ssl_check_hostname must be true or false"),
        ("rediss://h?ssl_ca_certs=", "ssl_ca_certs must be the path of a file"),
    ],
)
def test_another_option_is_refused_with_the_list_of_options(url: str, takes: str) -> None:
    with pytest.raises(ValueError, match=f"wrong option after its question mark; {takes}"):
        check_redis_url(url)


@pytest.mark.parametrize("url", ["REDIS://h", "unix:/run/redis.sock", "redis:h"])
def test_a_scheme_is_written_as_redis_py_wants_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be redis://host"):
        check_redis_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary@h?foo=1",
        "redis://:ca?canary@h",
        "redis://:canary@h:port",
        "redis://h?password=canary",
        "rediss://h?ssl_cert_reqs=canary",
        "canary",
    ],
)
def test_no_refusal_repeats_the_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(must be|has a wrong option)") as caught:
        check_redis_url(url)
    assert "canary" not in repr(caught.value)
