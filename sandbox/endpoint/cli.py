"""`facelift endpoint`: the stand-in for a person at a terminal."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import time
from typing import TYPE_CHECKING

import click

from sandbox.endpoint import parameters
from sandbox.endpoint.app import serve
from sandbox.endpoint.rulebook import RuleBook
from sandbox.endpoint.rules import InvalidRules, Rule
from sandbox.endpoint.standin import Conduct

if TYPE_CHECKING:
    from facelift.units import Rate
    from sandbox.endpoint.request_log import Arrival

log = logging.getLogger(__name__)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8800,
    show_default=True,
    help="Port to listen on; 0 for any free one.",
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="FACELIFT_API_KEY",
    default=["sandbox-key"],
    show_default=True,
    show_envvar=True,
    metavar="KEY",
    help="A key to accept; may be repeated. Better set the variable, with spaces between "
    "several keys: a command line is seen by everyone on the machine.",
)
@click.option(
    "--fault",
    "rules",
    type=parameters.rule,
    multiple=True,
    metavar="RULE",
    help="Misbehave: 'CHATBOT FAULT [OPTION=VALUE]...', with * for every chatbot and a "
    "number for a status. May be repeated; applied in this order.",
)
@click.option(
    "--rules",
    "script",
    type=parameters.script,
    metavar="FILE",
    help='Misbehave by a JSON file, {"rules": [...]}; applied before --fault.',
)
@click.option(
    "--known-chatbot",
    "known_chatbots",
    multiple=True,
    metavar="ID",
    help="A chatbot that exists; may be repeated. All others are answered 404. [default: "
    "every chatbot exists]",
)
@click.option(
    "--latency",
    type=parameters.duration,
    default="0ms",
    show_default=True,
    metavar="TIME",
    help="How long every answer without a rule takes, such as 100ms.",
)
@click.option(
    "--rate-limit",
    "rate",
    type=parameters.rate,
    metavar="N/TIME",
    help="Answer 429 to a key's requests beyond this, such as 100/10s. [default: no limit]",
)
@click.option(
    "--log-size",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    metavar="N",
    help="How many requests to remember.",
)
@click.option("--quiet", is_flag=True, help="No line for each request on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as a JSON object.")
def endpoint(
    *,
    host: str,
    port: int,
    api_keys: tuple[str, ...],
    rules: tuple[Rule, ...],
    script: list[Rule] | None,
    known_chatbots: tuple[str, ...],
    latency: float,
    rate: Rate | None,
    log_size: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a sandbox of Chatbase's endpoint, with faults.

    It takes pictures at POST /api/v1/upload-chatbot-profile-picture as Chatbase
    does, and runs until Ctrl-C. For example, answer 500, 500, then 200 to bot-42:

    \b
        facelift endpoint --fault 'bot-42 500 times=2'

    and point a worker at it, in another terminal:

    \b
        export FACELIFT_ENDPOINT_URL=http://127.0.0.1:8800
        export FACELIFT_API_KEY=sandbox-key
        facelift worker

    Behaviours, and those of their options that are not for all:

    \b
        status              answers status=N
        html                answers an HTML page, with 502
        invalid_json        answers 200 with broken JSON
        delay               takes the picture, answers seconds=N later
        trickle             sends a byte each seconds=N (1), of the part=body
                            or part=headers on
        truncated_body        closes in the middle of the answer
        huge_body           answers with size=N bytes, or endlessly
        reset               resets the connection in the middle of the picture
        close_before_read   closes the connection before the picture
        close_after_accept  takes the picture, closes without an answer

    times=N uses a rule for N uploads, not for all; key=N for those with one of
    several keys, 0 for the first. Those that answer also take status=N, body=TEXT,
    content_type=TYPE, headers='{"Name": "value"}', envelope=v2, retry_after=N,
    retry_after_date=N and ratelimit_reset=N (seconds from now) and
    ratelimit_reset_unit=ms. A script has the same names:

    \b
        {"rules": [{"chatbot_id": "bot-42", "fault": "status",
                    "status": 429, "retry_after": 3, "times": 1}]}

    While it runs, it is steered and questioned under /_sandbox/:

    \b
        curl 127.0.0.1:8800/_sandbox/arrivals
        curl 127.0.0.1:8800/_sandbox/stats
        curl 127.0.0.1:8800/_sandbox/rules -d '{"rules": [...]}'
        curl 127.0.0.1:8800/_sandbox/keys -d '{"revoke": ["sandbox-key"]}'
        curl 127.0.0.1:8800/_sandbox/image?chatbot_id=bot-42 -o bot-42.png
        curl 127.0.0.1:8800/_sandbox/reset -X POST
    """  # noqa: D301 - click wants the escape, not the backslash
    conduct = Conduct(
        api_keys=api_keys,
        rules=[*(script or []), *rules],
        known_chatbots=frozenset(known_chatbots) or None,
        latency=latency,
        rate=rate,
        log_size=log_size,
    )
    try:
        RuleBook().add(conduct.rules)
    except InvalidRules as error:
        raise click.UsageError(f"The rules of --rules and then --fault: {error}.") from error

    def on_ready(url: str) -> None:
        ready = {"url": url, "pid": os.getpid()}
        click.echo(json.dumps(ready) if as_json else f"Sandbox endpoint listening on {url}")

    logging.basicConfig(format="%(message)s", level=logging.WARNING if quiet else logging.INFO)
    try:
        asyncio.run(serve(conduct, host=host, port=port, on_ready=on_ready, on_departure=_log_line))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {port} on {host} is in use; choose another with --port (0: any free)."
        else:
            problem = f"Cannot listen on {host}, port {port}: {error.strerror}."
        raise click.ClickException(problem) from error


def _log_line(arrival: Arrival) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    took = (arrival.ended_at or arrival.headers_at) - arrival.headers_at
    words = [
        time.strftime("%H:%M:%S", time.localtime(arrival.arrived)),
        f"#{arrival.number}",
        repr(arrival.chatbot_id or f"{arrival.method} {arrival.path}"),
        str(arrival.status or "no answer"),
        f"{took * 1000:.0f} ms",
    ]
    if arrival.size is not None:
        words.append(f"{arrival.size:,} bytes")
    if arrival.fault:
        words.append(f"by rule: {arrival.fault}")
    if arrival.reason:
        words.append(arrival.reason)
    log.info("  ".join(words))
