"""Checks of `facelift doctor` on worker hosts: settings, API keys, endpoint, image stores."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.filesize import decimal as size

from facelift.cli.checks.findings import Finding, fail, ok, skip, warn
from facelift.codes import OutcomeCode
from facelift.errors import InvalidSettings
from worker.endpoint import EndpointClient, RequestLimits
from worker.errors import ImageRejected, RetryableFailure
from worker.settings.api_keys import accounts_with_key
from worker.settings.load import load, unknown_variables
from worker.settings.model import Settings
from worker.stores import NetworkLimits, open_stores

# The limit of this container: control groups of version 2, then of version 1.
_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_OWN_MEMORY = 350_000_000  # bytes of a worker process, besides its largest image
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
    yield from memory(settings)
    yield _endpoint(settings)
    for name, url in settings.image_stores.items():
        yield _store(name, url, settings.store_timeout)


def memory(settings: Settings, limits: Iterable[Path] = _MEMORY_LIMITS) -> Iterator[Finding]:
    """Check the memory limit of this container, if it has one.

    Args:
        settings: of the worker.
        limits: files that hold the limit; the first that can be read counts.
    """
    file = next(filter(Path.is_file, limits), None)
    text = file.read_text("ascii").strip() if file else ""
    needed = settings.image_memory_limit + _OWN_MEMORY
    if not text.isdigit() or int(text) >= 2**60:  # no limit, as the two versions say so
        return
    message = f"this container may use {size(int(text))}; a worker process may take {size(needed)}"
    if int(text) < needed:
        advice = "give it more, or lower FACELIFT_IMAGE_MEMORY_LIMIT"
        yield warn("Limit", f"{message} for a costly image", advice)
    else:
        yield ok("Limit", message)


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
