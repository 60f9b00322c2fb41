"""Reads the settings from the environment, all problems at once.

An empty variable counts as not set. No problem repeats a value: somebody may have put an API key
into the wrong variable.
"""

import difflib
import re
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from facelift.errors import InvalidSettings
from worker.settings.account_settings import ACCOUNT_SETTINGS, ACCOUNT_STRIPS
from worker.settings.api_keys import API_KEY, accounts_with_key, is_key_variable, read_keys
from worker.settings.docs import OF_ACCOUNTS, OF_SECRETS, SettingDoc, bounds, describe
from worker.settings.model import PREFIX, Settings, variable
from worker.settings.webhook_secret import WEBHOOK_SECRET, WEBHOOK_SECRET_FILE, read_secrets

_READ_ELSEWHERE = (
    *("FACELIFT_REDIS_SERVER", "FACELIFT_METRICS_PLACE"),
    *("FACELIFT_WORKER_MARK", "FACELIFT_WORKER_STARTED"),
    *("FACELIFT_CALL_TIMEOUT", "FACELIFT_MAX_CONNECTIONS"),  # the client's
)
_READ_APART = ("api_keys", *ACCOUNT_SETTINGS, "webhook_secrets")
_INJECTED_BY_KUBERNETES = re.compile(r".*_(SERVICE_HOST|SERVICE_PORT.*|PORT(_.*)?)")


def load(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`, and in the secret files that it names.

    Raises:
        InvalidSettings: with every problem there is.
    """
    api_keys, problems = read_keys(environ)
    secrets, of_secrets = read_secrets(environ)
    given = {"api_keys": api_keys, "webhook_secrets": secrets, **_given(environ)}
    for field, setting in ACCOUNT_SETTINGS.items():
        given[field], of_setting = setting.read(environ)
        problems += of_setting
    if "webhook_url" in given and not secrets and not of_secrets:
        of_secrets = [f"{WEBHOOK_SECRET} is missing: webhooks are signed with it"]
    return _validated(given, problems + of_secrets)


def load_for_images(environ: Mapping[str, str]) -> Settings:
    """The settings of images in `environ`.

    The others are ignored and have their defaults; there are no keys and no stores.

    Raises:
        InvalidSettings: with every problem there is.
    """
    of_images = ("image_", "icon_")
    given = {name: value for name, value in _given(environ).items() if name.startswith(of_images)}
    strips, problems = ACCOUNT_STRIPS.read(environ)
    given |= {"account_strips": strips, "api_keys": {}, "image_stores": {}}
    return _validated(given, problems)


def _given(environ: Mapping[str, str]) -> dict[str, object]:
    values = ((name, environ.get(key, "").strip()) for key, name in _fields().items())
    return {name: value for name, value in values if value}


def _validated(given: dict[str, object], problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems.extend(_sentences(error))
    if problems:  # outside the handler: pydantic's error holds the values
        raise InvalidSettings(problems)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A warning for each FACELIFT_ variable without an effect."""
    known = [*_fields(), API_KEY, WEBHOOK_SECRET, WEBHOOK_SECRET_FILE, *_READ_ELSEWHERE]
    warnings = []
    for name in sorted(environ):
        if (
            name.startswith(PREFIX)
            and name not in known
            and not is_key_variable(name)
            and not any(setting.is_variable(name) for setting in ACCOUNT_SETTINGS.values())
            and not _INJECTED_BY_KUBERNETES.fullmatch(name)
        ):
            meant = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            hint = f"; did you mean {meant[0]}?" if meant else ""
            warnings.append(f"{name} is not a setting{hint}")
    accounts = accounts_with_key(environ)
    for setting in ACCOUNT_SETTINGS.values():
        warnings += setting.without_key(environ, accounts)
    return warnings


def catalogue() -> list[SettingDoc]:
    """Every setting, described for a person."""
    fields = Settings.model_fields
    return [
        *OF_ACCOUNTS,
        *(describe(key, fields[name]) for key, name in _fields().items()),
        *OF_SECRETS,
    ]


def _fields() -> dict[str, str]:
    return {variable(name): name for name in Settings.model_fields if name not in _READ_APART}


def _sentences(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0])
        field = Settings.model_fields[name]
        if problem["type"] == "missing":
            yield f"{variable(name)} is missing: {field.description}"
        elif problem["type"] == "value_error":
            yield from (f"{variable(name)} {why}" for why in problem["ctx"]["error"].args)
        else:
            yield f"{variable(name)} must be {bounds(field)}"
