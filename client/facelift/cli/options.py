"""Options and arguments that several commands share: how they are read and completed."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from facelift.asset import Action, Asset
from facelift.checks import shown
from facelift.codes import JobState, OutcomeCode
from facelift.errors import FaceliftError, InvalidJob
from facelift.fit import Fit
from facelift.job import Priority
from facelift.units import parse_duration, show_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from facelift.client import UploadClient

_T = TypeVar("_T")
_F = TypeVar("_F", bound="Callable[..., object]")

_COMPLETED = 100  # newest jobs whose ids are completed


def value(name: str, read: Callable[[str], _T]) -> Callable[[str], _T]:
    """The type of an option whose value a function reads from text.

    Args:
        name: the kind of value, for the help.
        read: raises ValueError with what is wrong, in words that follow the text.
    """

    def convert(text: str) -> _T:
        try:
            return read(text)
        except ValueError as problem:
            raise click.BadParameter(f"{text!r} {problem}") from None

    convert.__name__ = name
    return convert


def read_moment_or_ago(text: str) -> float:
    """Read a time, or a duration before now, as Unix seconds.

    Raises:
        ValueError: it is neither, in words that follow the text.
    """
    try:
        return read_moment(text, "a duration such as 2h, nor Unix seconds,")
    except ValueError:
        if (ago := parse_duration(text)) is None:
            raise
        return time.time() - ago


def duration_within(shortest: float, longest: float) -> Callable[[str], float]:
    """A duration within bounds; all in seconds."""

    def read(text: str) -> float:
        seconds = parse_duration(text)
        if seconds is None or not shortest <= seconds <= longest:
            raise ValueError(
                f"is no duration from {show_duration(shortest)} to {show_duration(longest)}, "
                "such as 30min"
            )
        return seconds

    return value("duration", read)


def read_moment(text: str, others: str = "Unix seconds") -> float:
    """Read a time as Unix seconds: a number of them, or date and time in UTC or its own zone.

    Raises:
        ValueError: it is neither; `others` says what else would be.
    """
    with suppress(ValueError):
        return float(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is neither {others} nor a time such as 2026-01-31T18:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _complete(names: Callable[[UploadClient], Iterable[str]]) -> Callable[..., list[str]]:
    """Complete a word by names that Redis holds and a shell can show; by none if it is away."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from facelift.client import UploadClient  # noqa: PLC0415 - it needs redis, options do not

        try:
            with UploadClient.from_env() as client:
                found = filter(str.isprintable, names(client))
                return [name for name in found if name.startswith(incomplete)]
        except FaceliftError:
            return []

    return complete


complete_job = _complete(lambda client: [job.id for job in client.find(limit=_COMPLETED).records])
complete_account = _complete(lambda client: [each.name for each in client.pool(1).accounts])

asset_option = click.option(
    "--asset",
    type=click.Choice([asset.value for asset in Asset]),
    default=Asset.PROFILE_PICTURE.value,
    show_default=True,
    help="Which of the chatbot's images.",
)
fit_option = click.option(
    "--fit",
    type=click.Choice([fit.value for fit in Fit]),
    default=Fit.STRICT.value,
    show_default=True,
    help="Whether an image that would be refused is cropped or padded instead.",
)
fit_focus_option = click.option(
    "--fit-focus",
    metavar="X,Y",
    help="With --fit crop, the point to keep: fractions of width and height, such as 0.5,0.3.",
)
priority_option = click.option(
    "--priority",
    type=click.Choice([priority.value for priority in Priority]),
    default=Priority.NORMAL.value,
    show_default=True,
    help="How large a share of its account's rate it gets beside others.",
)
fairness_key_option = click.option(
    "--fairness-key",
    metavar="KEY",
    help="Whose jobs take turns with others', such as customer-42.  [default: the batch's]",
)
metadata_option = click.option(
    "--metadata",
    multiple=True,
    metavar="NAME=TEXT",
    callback=lambda _context, _option, given: _read_metadata(given),
    help="Something of your own that comes back with the outcome, such as user_id=42. Repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
job_argument = click.argument("job_id", metavar="JOB", shell_complete=complete_job)


def _read_metadata(given: tuple[str, ...]) -> dict[str, str] | None:
    pairs = [each.partition("=") for each in given]
    names = [name for name, _, _ in pairs]
    for name, equals, _ in pairs:
        if not equals:
            raise InvalidJob(
                "metadata", f"must be NAME=TEXT, such as user_id=42, not {shown(name)}"
            )
        if names.count(name) > 1:
            raise InvalidJob("metadata", f"names {name} twice")
    return {name: text for name, _, text in pairs} or None


def timeout_option(
    default: float = math.inf, goes_on: str = "the job goes on"
) -> Callable[[_F], _F]:
    """Seconds to wait at most; by default as long as it takes."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=default,
        show_default="until it has ended" if default == math.inf else True,
        metavar="SECONDS",
        help=f"Wait no longer than this; {goes_on}.",
    )


def filters(command: _F) -> _F:
    """The options by which `list` and `replay` choose jobs."""
    when = value("time", read_moment_or_ago)
    for option in reversed(
        (
            click.option(
                "--state",
                type=click.Choice([state.value for state in JobState]),
                metavar="STATE",
                help=f"Jobs in this state: {', '.join(JobState)}.",
            ),
            click.option(
                "--account", help="Jobs of this account.", shell_complete=complete_account
            ),
            click.option("--chatbot", "chatbot_id", metavar="ID", help="Jobs of this chatbot."),
            click.option(
                "--asset",
                type=click.Choice([asset.value for asset in Asset]),
                help="Jobs for profile pictures, or for icons.",
            ),
            click.option(
                "--action",
                type=click.Choice([action.value for action in Action]),
                help="Jobs that set an image, or that remove one.",
            ),
            click.option(
                "--code",
                type=click.Choice([code.value for code in OutcomeCode]),
                metavar="CODE",
                help="Jobs with this outcome code, such as image_not_square.",
            ),
            click.option("--batch", metavar="NAME", help="Jobs of this batch."),
            click.option(
                "--since",
                type=when,
                help="Enqueued then or later: 2h for two hours ago, Unix seconds or ISO 8601.",
            ),
            click.option("--before", type=when, help="Enqueued before then; as --since."),
        )
    ):
        command = option(command)
    return command
