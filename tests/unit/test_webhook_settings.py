"""The settings of webhooks: off unless there is a URL, and never without a secret."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from facelift.errors import InvalidSettings
from worker.settings.load import load, unknown_variables

if TYPE_CHECKING:
    from pathlib import Path

    from worker.settings.model import Settings

ENOUGH = {"FACELIFT_API_KEY": "sk-1", "FACELIFT_IMAGE_STORES": "media=file:///srv/pictures"}
URL = {"FACELIFT_WEBHOOK_URL": "https://hooks.example.com/in?token=canary"}


def secret(size: int = 32) -> str:
    return "whsec_" + base64.b64encode(b"canary".ljust(size, b"+")[:size]).decode()


def problems(**variables: str) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(ENOUGH | {f"FACELIFT_WEBHOOK_{name}": value for name, value in variables.items()})
    return caught.value.problems


def secrets(settings: Settings) -> list[str]:
    return [each.get_secret_value() for each in settings.webhook_secrets]


def test_webhooks_are_off_by_default() -> None:
    settings = load(ENOUGH)
    assert settings.webhook_url.get_secret_value() == ""
    assert settings.webhook_timeout == 10


def test_url_and_secret_are_enough() -> None:
    settings = load({**ENOUGH, **URL, "FACELIFT_WEBHOOK_SECRET": secret()})
    assert settings.webhook_url.get_secret_value() == URL["FACELIFT_WEBHOOK_URL"]
    assert secrets(settings) == [secret()]


def test_the_secret_may_be_in_a_file_and_be_two_during_a_change(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{secret()}\n{secret(24)}\n")
    settings = load({**ENOUGH, **URL, "FACELIFT_WEBHOOK_SECRET_FILE": str(file)})
    assert secrets(settings) == [secret(), secret(24)]


def test_a_url_without_a_secret_is_refused() -> None:
    assert problems(URL="https://hooks.example.com/") == [
        "FACELIFT_WEBHOOK_SECRET is missing: webhooks are signed with it"
    ]


def test_a_secret_has_one_place() -> None:
    assert problems(SECRET=secret(), SECRET_FILE="/run/secrets/hook") == [
        "FACELIFT_WEBHOOK_SECRET and FACELIFT_WEBHOOK_SECRET_FILE are both set; keep one"
    ]


def test_unreadable_secret_file_is_reported() -> None:
    assert problems(SECRET_FILE="/does/not/exist") == [
        "FACELIFT_WEBHOOK_SECRET_FILE must name a readable file: No such file or directory"
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        secret().removeprefix("whsec_"),
        "whsec_canary",
        "whsec_" + "!" * 44,
        secret(23),
        secret(65),
        secret().replace("_", "-"),
        f"{secret()} canary",
    ],
)
def test_invalid_secret_is_answered_with_what_is_valid_and_not_repeated(
    wrong: str,
) -> None:
    (problem,) = problems(SECRET=wrong, URL="https://hooks.example.com/")
    assert problem.startswith(
        "FACELIFT_WEBHOOK_SECRET must be whsec_ and the base64 of 24 to 64 random bytes"
    )
    assert wrong not in problem


def test_neither_url_nor_secret_is_shown_by_the_settings() -> None:
    shown = repr(load({**ENOUGH, **URL, "FACELIFT_WEBHOOK_SECRET": secret()}))
    assert "canary" not in shown
    assert secret()[6:] not in shown


def test_the_variables_are_known() -> None:
    names = ("URL", "TIMEOUT", "SECRET", "SECRET_FILE")
    assert unknown_variables({f"FACELIFT_WEBHOOK_{name}": "x" for name in names}) == []
    assert unknown_variables({"FACELIFT_WEBHOOK_SECRETS": "x"}) == [
        "FACELIFT_WEBHOOK_SECRETS is not a setting; did you mean FACELIFT_WEBHOOK_SECRET?"
    ]
