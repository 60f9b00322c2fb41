"""Checks of `facelift doctor` on worker hosts: settings, API keys, endpoint, image stores."""

import os
import time
from collections.abc import Iterator

from facelift.cli.checks.findings import Finding, fail, ok, skip, warn
from facelift.codes import OutcomeCode
from facelift.errors import InvalidSettings
from worker.endpoint import EndpointClient, RequestLimits
from worker.errors import ImageRejected, RetryableFailure
from worker.settings.api_keys import accounts_with_key
from worker.settings.load import load, unknown_variables
from worker.settings.model import Settings
from worker.stores import NetworkLimits, open_stores

_NOWHERE = "facelift-doctor/there-is-no-such-image.png"


def checks() -> Iterator[Finding]:
    """Check what a worker with this environment needs, except Redis."""
    if not accounts_with_key(os.environ) and not os.environ.get("FACELIFT_IMAGE_STORES"):
        yield skip(
            "Worker",
            "no worker is configured here: there are neither API keys nor image stores",
            "run it with a worker's environment to check endpoint and stores too",
        )
        return
    try:
        settings = load(os.environ)
    except InvalidSettings as invalid:
        for problem in invalid.problems:
            yield fail("Settings", problem, "correct the variable; see facelift worker --settings")
        return
    yield ok("Settings", f"valid; API keys of {', '.join(sorted(settings.api_keys))}")
    for warning in unknown_variables(os.environ):
        yield warn("Settings", warning, "remove it, or correct its name")
    yield _endpoint(settings)
    for name, url in settings.image_stores.items():
        yield _store(name, url, settings.store_timeout)


def _endpoint(settings: Settings) -> Finding:
    limits = RequestLimits(
        connect=settings.connect_timeout,
        read=settings.read_timeout,
        total=settings.request_timeout,
    )
    advice = "check FACELIFT_ENDPOINT_URL, DNS, firewall and proxy"
    began = time.monotonic()
    try:
        client = EndpointClient(settings.endpoint_url, limits)
    except ValueError as error:
        return fail("Endpoint", str(error), "check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE")
    try:
        client.reach()
    except RetryableFailure as failure:
        return fail("Endpoint", failure.sentence, advice)
    finally:
        client.close()
    took = time.monotonic() - began
    return ok("Endpoint", f"{settings.endpoint_url} accepts connections, in {1000 * took:.0f} ms")


def _store(name: str, url: str, timeout: float) -> Finding:
    """Read an image that does not exist: a store that says so can be read."""
    check = f"Store {name}"
    advice = "see docs/stores.md"
    try:
        store = open_stores({name: url}, NetworkLimits(timeout=timeout, connections=1))[name]
        store.read(_NOWHERE, 1)
    except ValueError as error:
        return fail(check, str(error.args[0]).removeprefix(f"{name}: "), advice)
    except RetryableFailure as failure:
        return fail(check, failure.sentence, advice)
    except ImageRejected as rejected:
        if rejected.code is not OutcomeCode.IMAGE_NOT_FOUND:
            answer = f"answers, but for an image that does not exist: {rejected.sentence}"
            return warn(check, answer, f"fine if the store may not be listed; else {advice}")
    return ok(check, "can be read")
