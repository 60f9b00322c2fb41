"""What the options of `facelift endpoint` may be, and what is said when they are not.

Every function takes an option's text and raises `click.BadParameter`, to which
click adds the option's name.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click

from facelift.units import Rate
from sandbox.endpoint.rules import InvalidRules, Rule, parse_script

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|min)")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}


def duration(text: str) -> float:
    """`100ms`, `2s` or `1min`, in seconds."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise click.BadParameter(f"{text!r} is no time; write 100ms, 2s or 1min.")
    return float(match[1]) * _UNITS[match[2]]


def rate(text: str) -> Rate:
    """`100/10s`, as requests in a window."""
    try:
        return Rate.parse(text)
    except ValueError as problem:
        raise click.BadParameter(f"{text!r} {problem}.") from problem


def script(path: str) -> list[Rule]:
    """The rules in a file."""
    try:
        return parse_script(Path(path).read_bytes())
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}.") from error
    except InvalidRules as error:
        raise click.BadParameter("\n  ".join([f"{path}:", *error.problems])) from error


def rule(text: str) -> Rule:
    """`bot-42 status status=500 times=2`, or `bot-42 500 times=2` for short."""
    try:
        chatbot_id, fault, *options = shlex.split(text)
        fields = {name: _value(value) for name, value in (each.split("=", 1) for each in options)}
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no rule; write 'CHATBOT FAULT [OPTION=VALUE]...', "
            "such as 'bot-42 500 times=2'."
        ) from error
    if fault.isdecimal():
        fields["status"], fault = fault, "status"
    fields |= {"chatbot_id": chatbot_id, "fault": fault}
    try:
        return parse_script({"rules": [fields]})[0]
    except InvalidRules as error:
        problems = "; ".join(each.removeprefix("rules[0].") for each in error.problems)
        raise click.BadParameter(f"{text!r}: {problems}") from error


def _value(text: str) -> object:
    return json.loads(text) if text.startswith(("{", "[")) else text
