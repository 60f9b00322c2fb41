"""`facelift endpoint`: the sandbox endpoint for a person at a terminal."""

import errno
import inspect
import json
import logging
import os
import shlex
import socket
from typing import IO, Any, get_args

import click

from facelift.cli.options import value
from facelift.units import Rate, parse_duration
from sandbox.endpoint.rules import InvalidRules, Rule, parse_rules
from sandbox.endpoint.server import serve
from sandbox.endpoint.state import EndpointState

_FAULTS = "\n".join(
    f"    {get_args(each.model_fields['fault'].annotation)[0]:20}{inspect.getdoc(each)}"
    for each in get_args(Rule)
)
_HELP = f"""Run a sandbox of Chatbase's endpoint, with faults.

It sets and removes profile pictures and icons as Chatbase does, strictly, and
runs until Ctrl-C. For example, respond to bot-42 with 500, 500, 200:

\b
    facelift endpoint --fault 'bot-42 500 times=2'

and point a worker at it, in another terminal:

\b
    export FACELIFT_ENDPOINT_URL=http://127.0.0.1:8800
    export FACELIFT_API_KEY=sandbox-key
    facelift worker

Faults, with their own options:

\b
{_FAULTS}

times=N limits a rule to N requests; asset=profile_picture or icon and action=set
or remove to some of the operations; key=N to one of several API keys, 0 for the
first. Faults that respond also take status=N, body=TEXT,
content_type=TYPE, headers='{{"Name": "value"}}', envelope=v2, retry_after=N,
retry_after_date=N and ratelimit_reset=N (seconds from now) and
ratelimit_reset_unit=ms. A file of rules has the same names:

\b
    {{"rules": [{{"chatbot_id": "bot-42", "fault": "status",
                "status": 429, "retry_after": 3, "times": 1}}]}}

While it runs, /_sandbox/ has rules, keys, arrivals, stats, assets, image and reset:

\b
    curl 127.0.0.1:8800/_sandbox/arrivals
    curl 127.0.0.1:8800/_sandbox/rules -d '{{"rules": [...]}}'
"""


def _read_latency(text: str) -> float:
    seconds = parse_duration(text) if text[-1:].isalpha() else None  # a unit is required
    if seconds is None:
        raise ValueError("is not a duration; write 100ms, 2s or 1min.")
    return seconds


def _read_rule(text: str) -> Rule:
    """`bot-42 status status=500 times=2`, or `bot-42 500 times=2` for short."""
    try:
        chatbot_id, fault, *options = shlex.split(text)
        fields = {
            name: json.loads(option) if option.startswith(("{", "[")) else option
            for name, option in (each.split("=", 1) for each in options)
        }
    except ValueError as error:
        raise ValueError(
            "is not a rule; write 'CHATBOT FAULT [OPTION=VALUE]...', such as 'bot-42 500 times=2'."
        ) from error
    if fault.isdecimal():
        fields["status"], fault = fault, "status"
    fields |= {"chatbot_id": chatbot_id, "fault": fault}
    return parse_rules(json.dumps({"rules": [fields]}))[0]


@click.command(help=_HELP, context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8800,
    help="Port to listen on; 0 for any free one.",
)
@click.option(
    "--api-key",
    "api_keys",
    multiple=True,
    envvar="FACELIFT_API_KEY",
    default=["sandbox-key"],
    show_envvar=True,
    metavar="KEY",
    help="A key to accept; may be repeated. Prefer the variable, with spaces between "
    "several keys: every user of the machine can read a command line.",
)
@click.option(
    "--fault",
    "rules",
    type=value("rule", _read_rule),
    multiple=True,
    metavar="RULE",
    help="Add a rule: 'CHATBOT FAULT [OPTION=VALUE]...', with * for every chatbot and a "
    "number for a status. May be repeated; applied in this order.",
)
@click.option(
    "--rules",
    "rules_file",
    type=click.File("rb"),
    metavar="FILE",
    help='Add the rules of a JSON file, {"rules": [...]}; applied before --fault.',
)
@click.option(
    "--known-chatbot",
    "known_chatbots",
    multiple=True,
    metavar="ID",
    help="A chatbot that exists; may be repeated. Others get 404. [default: every chatbot exists]",
)
@click.option(
    "--latency",
    type=value("duration", _read_latency),
    default="0ms",
    metavar="TIME",
    help="How long every response without a rule takes, such as 100ms.",
)
@click.option(
    "--rate-limit",
    "rate",
    type=value("rate", Rate.parse),
    metavar="N/TIME",
    help="Respond with 429 to a key's requests beyond this, such as 100/10s. [default: no limit]",
)
@click.option(
    "--log-size",
    type=click.IntRange(min=1),
    default=100_000,
    metavar="N",
    help="How many requests to remember.",
)
@click.option("--quiet", is_flag=True, help="Print no line for each request on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as a JSON object.")
def endpoint(
    *,
    host: str,
    port: int,
    rules: tuple[Rule, ...],
    rules_file: IO[bytes] | None,
    quiet: bool,
    as_json: bool,
    **others: Any,  # noqa: ANN401 - the fields of EndpointState, as click has read them
) -> None:
    """Run the server; see `_HELP`."""
    try:
        first_rules = parse_rules(rules_file.read()) if rules_file else []
        state = EndpointState(first_rules=[*first_rules, *rules], **others)
    except InvalidRules as error:
        raise click.UsageError(f"The rules of --rules and then --fault: {error}.") from error

    def on_ready(url: str) -> None:
        ready = {"url": url, "pid": os.getpid()}
        click.echo(json.dumps(ready) if as_json else f"Sandbox endpoint listening on {url}")

    logging.basicConfig(format="%(message)s", level=logging.WARNING if quiet else logging.INFO)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {port} on {host} is in use; choose another with --port (0: any free)."
        else:
            problem = f"Cannot listen on {host}, port {port}: {error.strerror}."
        raise click.ClickException(problem) from error
    serve(state, listener, on_ready)


if __name__ == "__main__":
    endpoint(prog_name="facelift endpoint")
