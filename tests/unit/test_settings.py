from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from facelift.asset import Asset
from facelift.errors import InvalidSettings
from facelift.job import account_key
from facelift.units import Rate
from worker.cli.worker import worker
from worker.images.formats import ImageFormat
from worker.images.validate import ImageLimits
from worker.settings.api_keys import read_key_file
from worker.settings.load import catalogue, load, load_for_images, unknown_variables
from worker.settings.model import Settings

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "sk-canary-0123456789"
ENOUGH = {"FACELIFT_API_KEY": CANARY, "FACELIFT_IMAGE_STORES": "media=file:///srv/pictures"}


def loaded(**variables: str) -> Settings:
    return load(ENOUGH | {f"FACELIFT_{name}": value for name, value in variables.items()})


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(environ)
    return caught.value.problems


def problems_with(**variables: str) -> list[str]:
    return problems(ENOUGH | {f"FACELIFT_{name}": value for name, value in variables.items()})


def key_of(settings: Settings, account: str) -> str | None:
    found = settings.api_keys.get(account_key(account))
    return found.keys[0].get_secret_value() if found else None


def test_a_key_and_a_store_are_enough() -> None:
    settings = load(ENOUGH)
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert settings.key_prefix == "facelift"
    assert settings.endpoint_url == "https://www.chatbase.co"
    assert settings.image_stores == {"media": "file:///srv/pictures"}
    assert settings.store_timeout == 10
    assert settings.image_byte_limit == 1_000_000
    assert settings.image_pixel_limit == 40_000_000
    assert settings.image_formats == ("png", "jpeg")
    assert (settings.backoff_base, settings.backoff_factor, settings.backoff_cap) == (1, 2, 300)
    assert (settings.max_attempts, settings.deadline) == (8, 86_400)
    assert (settings.connect_timeout, settings.read_timeout, settings.request_timeout) == (
        5,
        30,
        30,
    )
    assert (settings.lease, settings.concurrency) == (15, 100)
    assert settings.idempotency_window == 86_400
    assert (settings.keep_succeeded, settings.keep_failed) == (7 * 86_400, 30 * 86_400)
    assert (settings.keep_superseded, settings.keep_cancelled) == (7 * 86_400, 7 * 86_400)
    assert settings.keep_expired == 30 * 86_400
    assert (settings.rate_limit, settings.pause_cap) == (Rate(100, 10), 3600)
    assert (settings.breaker_failures, settings.breaker_chatbots) == (10, 5)
    assert (settings.breaker_after, settings.breaker_pause) == (5, 1)
    assert (settings.unknown_grace, settings.unsettled_for) == (300, 120)
    assert settings.key_grace == 600


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load(ENOUGH).concurrency = 1  # type: ignore[misc]  # the point of the test


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = loaded(REDIS_URL="", MAX_ATTEMPTS=" ", API_KEY_FILE="")
    assert settings.max_attempts == 8
    assert key_of(settings, "default") == CANARY


def test_every_problem_is_listed_at_once() -> None:
    found = problems(
        {
            "FACELIFT_REDIS_URL": "http://somewhere",
            "FACELIFT_MAX_ATTEMPTS": "many",
            "FACELIFT_BACKOFF_BASE": "10min",
            "FACELIFT_API_KEY_SHOP_FILE": "/does/not/exist",
        }
    )
    assert [problem.split()[0] for problem in found] == [
        "FACELIFT_API_KEY_SHOP_FILE",
        "FACELIFT_REDIS_URL",
        "FACELIFT_IMAGE_STORES",
        "FACELIFT_BACKOFF_CAP",
        "FACELIFT_MAX_ATTEMPTS",
    ]


@pytest.mark.parametrize(
    ("variable", "text", "seconds"),
    [
        ("backoff_base", "500ms", 0.5),
        ("backoff_base", "0.5", 0.5),
        ("deadline", "30", 30),
        ("deadline", "30s", 30),
        ("deadline", "1.5 s", 1.5),
        ("deadline", "5min", 300),
        ("deadline", "24h", 86_400),
        ("deadline", "7d", 604_800),
    ],
)
def test_durations_are_read(variable: str, text: str, seconds: float) -> None:
    assert getattr(loaded(**{variable.upper(): text}), variable) == seconds


@pytest.mark.parametrize("text", ["soon", "5m", "1h30min", "-1", "nan", "inf", "31d", "999ms"])
def test_a_wrong_duration_is_answered_with_what_would_be_valid(text: str) -> None:
    assert problems_with(DEADLINE=text) == [
        "FACELIFT_DEADLINE must be a duration from 1s to 30d, such as 24h"
    ]


@pytest.mark.parametrize(
    ("variable", "text", "right"),
    [
        ("CONCURRENCY", "0", "a whole number from 1 to 500"),
        ("CONCURRENCY", "501", "a whole number from 1 to 500"),
        ("MAX_ATTEMPTS", "2.5", "a whole number from 1 to 100"),
        ("BACKOFF_FACTOR", "nan", "a number from 1 to 10"),
        ("LEASE", "2s", "a duration from 3s to 1h, such as 15s"),
        ("PAUSE_CAP", "2d", "a duration from 1s to 1d, such as 1h"),
        ("BREAKER_FAILURES", "0", "a whole number from 1 to 100"),
        ("BREAKER_CHATBOTS", "0", "a whole number from 1 to 100"),
        ("BREAKER_CHATBOTS", "101", "a whole number from 1 to 100"),
        ("BREAKER_AFTER", "0s", "a duration from 0.1s to 1h, such as 5s"),
        ("BREAKER_PAUSE", "0s", "a duration from 0.1s to 1h, such as 1s"),
        ("KEY_GRACE", "31d", "a duration from 0s to 30d, such as 10min"),
        ("RATE_LIMIT", "100", "requests/duration, such as 100/10s, or off"),
        ("RATE_LIMIT_SHOP", "100", "requests/duration, such as 100/10s, or off"),
        ("KEY_PREFIX", "Face{lift}", "1 to 32 of a-z, 0-9, _ and -"),
        ("KEY_PREFIX", "x" * 33, "1 to 32 of a-z, 0-9, _ and -"),
    ],
)
def test_value_out_of_bounds_is_answered_with_them(variable: str, text: str, right: str) -> None:
    assert problems_with(**{variable: text}) == [f"FACELIFT_{variable} must be {right}"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"BACKOFF_BASE": "2s", "BACKOFF_CAP": "1500ms"},
            "FACELIFT_BACKOFF_CAP must not be below FACELIFT_BACKOFF_BASE: 1.5s is less than 2s",
        ),
        (
            {"BACKOFF_BASE": "2min", "DEADLINE": "90s"},
            "FACELIFT_DEADLINE must not be below FACELIFT_BACKOFF_BASE: 90s is less than 2min",
        ),
        (
            {"CONNECT_TIMEOUT": "1min"},
            (
                "FACELIFT_REQUEST_TIMEOUT must not be below FACELIFT_CONNECT_TIMEOUT: "
                "30s is less than 1min"
            ),
        ),
        (
            {"REQUEST_TIMEOUT": "20"},
            (
                "FACELIFT_REQUEST_TIMEOUT must not be below FACELIFT_READ_TIMEOUT: "
                "20s is less than 30s"
            ),
        ),
        *[
            (
                {other: "31d"},
                f"FACELIFT_KEEP_FAILED must not be below FACELIFT_{other}: 30d is less than 31d",
            )
            for other in ("KEEP_SUCCEEDED", "KEEP_SUPERSEDED", "KEEP_CANCELLED", "KEEP_EXPIRED")
        ],
    ],
)
def test_settings_that_contradict_each_other_are_both_named(
    given: dict[str, str], problem: str
) -> None:
    assert problems_with(**given) == [problem]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6380/",
        "rediss://user:p%40ss@redis.example.com:6380/2",
        "redis://[::1]:6379/0",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_redis_urls_are_accepted(url: str) -> None:
    assert loaded(REDIS_URL=url).redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://localhost:port",
        "redis://localhost/one",
        "redis://localhost/0#1",
        "redis://:pass#word@localhost",
        "redis://:pass/word@localhost",
        "redis://[::1",
        "unix://run/redis.sock",
        "unix://",
    ],
)
def test_other_redis_urls_are_refused(url: str) -> None:
    (problem,) = problems_with(REDIS_URL=url)
    assert problem.startswith("FACELIFT_REDIS_URL must be redis://host:port/database")


def test_sentinel_urls_are_refused_as_not_supported_yet() -> None:
    (problem,) = problems_with(REDIS_URL="sentinel://localhost:26379")
    assert problem.startswith("FACELIFT_REDIS_URL cannot be a Sentinel's yet")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://www.chatbase.co/", "https://www.chatbase.co"),
        ("https://proxy.example.com:8443/chatbase/", "https://proxy.example.com:8443/chatbase"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::ffff:10.0.0.5]", "http://[::ffff:10.0.0.5]"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://endpoint:8080", "http://endpoint:8080"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://endpoint.prod.svc.cluster.local", "http://endpoint.prod.svc.cluster.local"),
    ],
)
def test_endpoint_urls_are_accepted_without_their_last_slash(url: str, kept: str) -> None:
    assert loaded(ENDPOINT_URL=url).endpoint_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://www.chatbase.co",
        "http://8.8.8.8",
        "http://134744072",  # 8.8.8.8 as one number
        "http://0x8.8.8.8",
        "http://[::ffff:8.8.8.8]",
        "http://localhost.example.com",
    ],
)
def test_the_key_never_travels_in_clear_to_a_public_host(url: str) -> None:
    (problem,) = problems_with(ENDPOINT_URL=url)
    assert problem.startswith("FACELIFT_ENDPOINT_URL must begin with https://, or the API key")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.170.2:80", "2852039166", "0xa9fea9fe", "169.254.43518"),
        *("0251.0376.0251.0376", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
        *("[fd00:ec2::254]", "[fe80::1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"),
    ],
)
def test_an_endpoint_is_no_clouds_metadata_service(scheme: str, host: str) -> None:
    (problem,) = problems_with(ENDPOINT_URL=f"{scheme}://{host}")
    assert problem.startswith("FACELIFT_ENDPOINT_URL must not name a cloud's metadata service")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("www.chatbase.co", "must be a base URL"),
        ("ftp://www.chatbase.co", "must be a base URL"),
        ("https://", "must be a base URL"),
        ("https://www.chatbase.co:https", "must be a base URL"),
        ("https://www.chat base.co", "must be a base URL"),
        ("https://www.chatbase.co\n.evil.example", "must be a base URL"),
        ("http://localhost\\.evil.example", "must be a base URL"),
        ("https://user:word@www.chatbase.co", "must have no user"),
        ("https://www.chatbase.co/?", "must have no user"),
        ("https://www.chatbase.co/#top", "must have no user"),
    ],
)
def test_other_endpoint_urls_are_refused(url: str, why: str) -> None:
    (problem,) = problems_with(ENDPOINT_URL=url)
    assert problem.startswith(f"FACELIFT_ENDPOINT_URL {why}")


def test_stores_keep_their_urls_as_given() -> None:
    settings = loaded(IMAGE_STORES="media=file:///srv/my%20pictures/, s-3=s3://bucket?x=y=z")
    assert settings.image_stores == {
        "media": "file:///srv/my%20pictures/",
        "s-3": "s3://bucket?x=y=z",
    }


@pytest.mark.parametrize(
    ("text", "whys"),
    [
        (",", ["entry 1 needs a name", "entry 2 needs a name"]),
        ("Media=file:///srv", ["entry 1 needs a name"]),
        ("a=file:///x,file:///y", ["entry 2 needs a name"]),
        ("media=/srv/pictures", ["entry 1 needs a URL"]),
        ("media", ["entry 1 needs a URL"]),
        ("media=file:///a\x00b", ["entry 1 needs a URL"]),
        ("a=file:///x,a=file:///y", ["entry 2 repeats a name"]),
        ("a=x,b=y", ["entry 1 needs a URL", "entry 2 needs a URL"]),
    ],
)
def test_wrong_stores_are_all_named(text: str, whys: list[str]) -> None:
    found = problems_with(IMAGE_STORES=text)
    assert len(found) == len(whys)
    for problem, why in zip(found, whys, strict=True):
        assert problem.startswith(f"FACELIFT_IMAGE_STORES {why}")


def test_formats_are_a_list_of_known_names() -> None:
    assert loaded(IMAGE_FORMATS="WebP, gif,webp").image_formats == ("webp", "gif")
    (problem,) = problems_with(IMAGE_FORMATS="png,bmp")
    assert problem == "FACELIFT_IMAGE_FORMATS must be one or more of png,jpeg,webp,gif"


def test_svg_is_refused_with_the_reason() -> None:
    (problem,) = problems_with(IMAGE_FORMATS="png,svg")
    assert problem.startswith("FACELIFT_IMAGE_FORMATS can never have svg: an SVG may carry scripts")


@pytest.mark.parametrize(("text", "port"), [("9464", 9464), ("65535", 65_535), ("Off", None)])
def test_metrics_have_a_port_or_none(text: str, port: int | None) -> None:
    assert loaded(METRICS_PORT=text).metrics_port == port


@pytest.mark.parametrize(
    ("variable", "text", "right"),
    [
        *(
            ("METRICS_PORT", text, "a port from 1 to 65535, or off")
            for text in ("0", "65536", "-1", "http", "0x1f", "9464/tcp", "٩")
        ),
        ("METRICS_HOST", "localhost", "an IP address, such as 127.0.0.1 or 0.0.0.0"),
        ("LOG_FORMAT", "logfmt", "text or json"),
        ("IMAGE_STRIP_METADATA", "gps", "true or false"),
        *(
            ("IMAGE_FIT_SIZE", text, "a whole number from 16 to 2048, or off")
            for text in ("15", "2049", "0", "-64", "64.5", "nan", "1e3", "256px", "256x256", "٢٥٦")
        ),
    ],
)
def test_invalid_choice_is_answered_with_what_would_be_valid(
    variable: str, text: str, right: str
) -> None:
    assert problems_with(**{variable: text}) == [f"FACELIFT_{variable} must be {right}"]


@pytest.mark.parametrize(
    ("text", "size"), [("16", 16), ("0256", 256), ("2048", 2048), ("OFF", None), ("", None)]
)
def test_fitted_images_have_a_largest_size_or_none(text: str, size: int | None) -> None:
    assert loaded(IMAGE_FIT_SIZE=text).image_limits().fit_size == size


@pytest.mark.parametrize(("text", "strips"), [("true", True), ("False", False), ("", False)])
def test_metadata_are_removed_or_not(text: str, strips: bool) -> None:  # noqa: FBT001 - a case
    assert loaded(IMAGE_STRIP_METADATA=text).image_strip_metadata is strips


def test_settings_for_images_need_no_others_and_look_at_no_others() -> None:
    given = {"FACELIFT_IMAGE_FIT_FORMATS": "gif", "FACELIFT_BACKOFF_CAP": "never"}
    settings = load_for_images(given)
    assert settings.image_fit_formats == ("gif",)
    assert settings.image_byte_limit == 1_000_000
    with pytest.raises(InvalidSettings, match="FACELIFT_IMAGE_FIT_BYTE_LIMIT must be a whole"):
        load_for_images(given | {"FACELIFT_IMAGE_FIT_BYTE_LIMIT": "0"})


def test_icons_have_the_limits_of_images_unless_they_have_their_own() -> None:
    assert loaded(IMAGE_BYTE_LIMIT="7").image_limits(Asset.ICON).byte_limit == 7
    own = {"ICON_BYTE_LIMIT": "5", "ICON_PIXEL_LIMIT": "9", "ICON_FORMATS": "webp"}
    picture, icon = map(loaded(**own).image_limits, Asset)
    assert picture == ImageLimits()
    assert icon == ImageLimits(byte_limit=5, pixel_limit=9, formats=frozenset({ImageFormat.WEBP}))


@pytest.mark.parametrize(
    ("variable", "text", "right"),
    [
        ("ICON_BYTE_LIMIT", "0", "must be a whole number from 1 to 100000000"),
        ("ICON_PIXEL_LIMIT", "many", "must be a whole number from 1 to 1000000000"),
        ("ICON_FORMATS", "bmp", "must be one or more of png,jpeg,webp,gif"),
    ],
)
def test_wrong_limit_of_icons_is_answered_with_a_right_one(
    variable: str, text: str, right: str
) -> None:
    (problem,) = problems_with(**{variable: text})
    assert problem.startswith(f"FACELIFT_{variable} ")
    assert right in problem


def test_no_key_at_all_is_a_problem() -> None:
    (problem,) = problems({"FACELIFT_IMAGE_STORES": "media=file:///srv"})
    assert problem.startswith("FACELIFT_API_KEY is missing")


def test_each_account_has_its_own_key() -> None:
    settings = loaded(API_KEY_SHOP="sk-shop", API_KEY_My_Brand="sk-brand")
    assert key_of(settings, "default") == CANARY
    assert key_of(settings, "shop") == "sk-shop"
    assert key_of(settings, "my-brand") == "sk-brand"
    assert key_of(settings, "nobody") is None


def test_a_key_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "default").write_bytes(b"sk-default\r\n")
    (tmp_path / "shop").write_bytes(b"sk-shop\n")
    settings = load(
        {
            "FACELIFT_IMAGE_STORES": "media=file:///srv",
            "FACELIFT_API_KEY_FILE": str(tmp_path / "default"),
            "FACELIFT_API_KEY_SHOP_FILE": str(tmp_path / "shop"),
        }
    )
    assert key_of(settings, "default") == "sk-default"
    assert key_of(settings, "shop") == "sk-shop"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfsk-1\r\n",
        "\ufeffsk-1\r\n".encode("utf-16-le"),
        "\ufeffsk-1\r\n".encode("utf-16-be"),
        b"\r\n \tsk-1 \r\r\n",
        "\u00a0sk-1\u3000\n".encode(),
        b"\x0bsk-1\x0c\x1c",
    ],
)
def test_marks_and_blanks_around_a_key_are_left_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    assert [key.get_secret_value() for key in read_key_file(path)] == ["sk-1"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xef\xbb\xbf\r\n", "must hold the key, not only blanks"),
        ("\u200bsk-1".encode(), "must hold the bare key: printable ASCII"),
        (b"sk-1\xff", "must hold the bare key: printable ASCII"),
        (None, "must name a readable file: No such file or directory"),
        (b"", "names a file that is empty"),
        (b" \n", "names a file that is empty"),
        (b"x" * 4097, "must name a file of at most 4096 bytes"),
        (b"one two three", "must hold one key, or two separated by a space"),
        (b"one\ntwo\nthree\n", "must hold one key, or two separated by a space"),
        (b"Bearer sk-1\n", "must hold the bare key, without the word Bearer"),
        (b"new-key\x00 old-key", "must hold the bare key: printable ASCII"),
        ("schlüssel".encode(), "must hold the bare key: printable ASCII"),
    ],
)
def test_invalid_key_file_is_a_problem(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    (problem,) = problems_with(API_KEY_SHOP_FILE=str(path))
    assert problem.startswith(f"FACELIFT_API_KEY_SHOP_FILE {why}")


def test_a_pipe_in_place_of_a_key_file_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (problem,) = problems_with(API_KEY_SHOP_FILE=str(tmp_path / "pipe"))
    assert problem == "FACELIFT_API_KEY_SHOP_FILE must name a regular file"


def keys_of(settings: Settings, account: str) -> list[str]:
    return [key.get_secret_value() for key in settings.api_keys[account].keys]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("sk-new sk-old", ["sk-new", "sk-old"]),
        ("sk-new\nsk-old\n", ["sk-new", "sk-old"]),
        ("sk-new\r\n\r\n\tsk-old", ["sk-new", "sk-old"]),
        (" sk-1 ", ["sk-1"]),
        ("sk-1 sk-1", ["sk-1"]),
    ],
)
def test_an_account_may_have_two_keys_newest_first(
    tmp_path: Path, text: str, keys: list[str]
) -> None:
    (tmp_path / "keys").write_text(text)
    settings = loaded(API_KEY_SHOP=text, API_KEY_CAFE_FILE=str(tmp_path / "keys"))
    assert keys_of(settings, "shop") == keys_of(settings, "cafe") == keys
    assert key_of(settings, "shop") == keys[0]
    assert settings.api_keys["shop"].file is None
    assert settings.api_keys["cafe"].file == tmp_path / "keys"


@pytest.mark.parametrize(
    "key", ["Bearer sk-1", "bearer: sk-1", "sk-\x7f", "schlüssel", "sk-1\u00a0sk-2", "a b c"]
)
def test_a_key_that_no_header_can_carry_is_a_problem(key: str) -> None:
    (problem,) = problems_with(API_KEY_SHOP=key)
    assert problem.startswith("FACELIFT_API_KEY_SHOP must hold ")


def test_an_account_has_its_own_rate_or_the_one_of_all() -> None:
    settings = loaded(RATE_LIMIT="50/5s", RATE_LIMIT_My_Brand="7/1min", RATE_LIMIT_SHOP=" OFF ")
    assert settings.rate_for("default") == Rate(50, 5)
    assert settings.rate_for("my-brand") == Rate(7, 60)
    assert settings.rate_for("shop") is None


def test_the_rate_limit_can_be_off_for_all_but_one() -> None:
    settings = loaded(RATE_LIMIT="off", RATE_LIMIT_DEFAULT="1/1s", RATE_LIMIT_SHOP="")
    assert settings.rate_for("default") == Rate(1, 1)
    assert settings.rate_for("shop") is None


def test_a_wrong_rate_of_an_account_is_a_problem_beside_the_others() -> None:
    assert problems_with(
        RATE_LIMIT_="1/1s", RATE_LIMIT_SHOP="1/1s", RATE_LIMIT_Shop="2/1s", RATE_LIMIT_X="0/1s"
    ) == [
        "FACELIFT_RATE_LIMIT_ must end in an account's name: 1 to 40 of A-Z, 0-9 and _",
        "FACELIFT_RATE_LIMIT_Shop and FACELIFT_RATE_LIMIT_SHOP are for the same account; keep one",
        "FACELIFT_RATE_LIMIT_X must allow from 1 to 1000000 requests, or off",
    ]


def test_an_account_has_its_own_word_on_metadata_or_that_of_all() -> None:
    settings = loaded(IMAGE_STRIP_METADATA_My_Brand=" True", IMAGE_STRIP_METADATA_SHOP="false")
    assert settings.strips_metadata_for("my-brand")
    assert not settings.strips_metadata_for("shop")
    assert not settings.strips_metadata_for("default")
    settings = loaded(IMAGE_STRIP_METADATA="true", IMAGE_STRIP_METADATA_SHOP="False")
    assert not settings.strips_metadata_for("shop")
    assert settings.strips_metadata_for("default")


def test_a_wrong_word_on_an_accounts_metadata_is_a_problem() -> None:
    given = {"IMAGE_STRIP_METADATA_": "true", "IMAGE_STRIP_METADATA_SHOP": "gps"}
    expected = [
        "FACELIFT_IMAGE_STRIP_METADATA_ must end in an account's name: 1 to 40 of A-Z, 0-9 and _",
        "FACELIFT_IMAGE_STRIP_METADATA_SHOP must be true or false",
    ]
    assert problems_with(**given) == expected
    with pytest.raises(InvalidSettings) as caught:
        load_for_images({f"FACELIFT_{name}": text for name, text in given.items()})
    assert caught.value.problems == expected


def test_a_setting_of_an_account_without_a_key_draws_a_warning() -> None:
    environ = ENOUGH | {
        "FACELIFT_API_KEY_CAFE_FILE": "/run/secrets/cafe",
        "FACELIFT_RATE_LIMIT_CAFE": "1/1s",
        "FACELIFT_RATE_LIMIT_DEFAULT": "1/1s",
        "FACELIFT_RATE_LIMIT_SHOP": "1/1s",
        "FACELIFT_RATE_LIMIT_CLUB": "",
        "FACELIFT_IMAGE_STRIP_METADATA_CAFE": "true",
        "FACELIFT_IMAGE_STRIP_METADATA_CLUB": "true",
    }
    assert unknown_variables(environ) == [
        "FACELIFT_RATE_LIMIT_SHOP is for an account that has no API key",
        "FACELIFT_IMAGE_STRIP_METADATA_CLUB is for an account that has no API key",
    ]


@pytest.mark.parametrize("other", ["API_KEY_FILE", "API_KEY_DEFAULT", "API_KEY_DEFAULT_FILE"])
def test_two_keys_for_one_account_are_a_problem(other: str) -> None:
    assert problems_with(**{other: "sk-other"}) == [
        f"FACELIFT_{other} and FACELIFT_API_KEY are for the same account; keep one"
    ]


@pytest.mark.parametrize(
    "variable", ["API_KEY_", "API_KEY__FILE", "API_KEY_FILE_FILE", "API_KEY_SHOP_FILE_FILE"]
)
def test_an_account_that_could_be_taken_for_a_file_is_refused(variable: str) -> None:
    (problem,) = problems_with(**{variable: "sk-1"})
    assert problem.startswith(f"FACELIFT_{variable} must end in an account's name")


def test_no_secret_shows_in_settings() -> None:
    settings = loaded(REDIS_URL=f"redis://:{CANARY}@localhost", IMAGE_STORES=f"s=s3://x:{CANARY}@b")
    assert CANARY not in f"{settings!r} {settings} {settings.redis_url} {settings.api_keys}"


@pytest.mark.parametrize("variable", [doc.name for doc in catalogue() if "<" not in doc.name])
@pytest.mark.parametrize("form", ["{}", "{} x", "redis://:{}@[", "http://u:{}@h", "a={},b={}"])
def test_no_problem_shows_what_was_given(variable: str, form: str) -> None:
    environ = ENOUGH | {"FACELIFT_LEASE": "wrong", variable: form.replace("{}", CANARY)}
    with pytest.raises(InvalidSettings) as caught:
        load(environ)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "FACELIFT_LEASE" in shown
    assert CANARY not in shown


def test_no_error_shows_a_key_of_the_wrong_type() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"api_keys": {"default": [CANARY]}, "redis_url": [CANARY]})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_unknown_variable_is_named_with_the_likely_one() -> None:
    assert unknown_variables(ENOUGH | {"FACELIFT_MAX_ATTEMPT": "3", "FACELIFT_COLOUR": "red"}) == [
        "FACELIFT_COLOUR is not a setting",
        "FACELIFT_MAX_ATTEMPT is not a setting; did you mean FACELIFT_MAX_ATTEMPTS?",
    ]


def test_variables_of_others_are_left_alone() -> None:
    others = [
        "HOME",
        "FACELIFT_API_KEY_SHOP_FILE",
        "FACELIFT_REDIS_SERVER",
        "FACELIFT_SERVICE_HOST",
        "FACELIFT_SERVICE_PORT_HTTP",
        "FACELIFT_PORT",
        "FACELIFT_REDIS_PORT_6379_TCP_ADDR",
    ]
    assert unknown_variables(dict.fromkeys(others, "x")) == []


def test_the_catalogue_lists_every_setting_with_its_default_and_bounds() -> None:
    docs = {doc.name: doc for doc in catalogue()}
    assert {f"FACELIFT_{name.upper()}" for name in Settings.model_fields} - {
        "FACELIFT_API_KEYS",
        "FACELIFT_ACCOUNT_RATES",
        "FACELIFT_ACCOUNT_STRIPS",
        "FACELIFT_WEBHOOK_SECRETS",
    } == {
        name
        for name in docs
        if "_API_KEY" not in name and "_SECRET" not in name and "<" not in name
    }
    assert docs["FACELIFT_BACKOFF_CAP"].default == "5min"
    assert "from 1ms to 1d" in docs["FACELIFT_BACKOFF_CAP"].meaning
    assert docs["FACELIFT_IMAGE_STORES"].default is None
    assert all(doc.meaning for doc in docs.values())


def test_the_defaults_of_the_catalogue_load_as_they_are_written() -> None:
    defaults = {doc.name: doc.default for doc in catalogue() if doc.default is not None}
    assert load(ENOUGH | defaults) == load(ENOUGH)


def test_every_setting_is_listed_as_json() -> None:
    said = CliRunner().invoke(worker, ["--settings", "--json"])
    listed = json.loads(said.stdout)
    assert [each["name"] for each in listed] == [doc.name for doc in catalogue()]
    assert all(each["meaning"] for each in listed)
