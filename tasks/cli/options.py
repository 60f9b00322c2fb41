"""Options and arguments that several commands share, and what a shell completes them with."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tasks.client import UploadClient
from tasks.codes import JobState, OutcomeCode
from tasks.durations import parse_duration, show_duration
from tasks.errors import FaceliftError
from tasks.job import Fit

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., object]")

_COMPLETED = 100  # jobs looked through for a completion


class Moment(click.ParamType[float]):
    """Unix seconds, or a date and time with its zone.

    Args:
        ago: whether a duration counts too, as so long ago.
        now: Unix seconds.
    """

    name = "time"

    def __init__(self, *, ago: bool = False, now: Callable[[], float] = time.time) -> None:
        self._ago = ago
        self._now = now

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - what click says
        """See click's."""
        if not isinstance(value, str):
            return value
        try:
            return float(value)
        except ValueError:
            pass
        if self._ago and (duration := parse_duration(value)) is not None:
            return self._now() - duration
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            others = "a duration such as 2h, nor Unix seconds," if self._ago else "Unix seconds"
            self.fail(
                f"{value!r} is neither {others} nor a time such as 2026-01-31T18:00:00Z", param, ctx
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Duration(click.ParamType[float]):
    """Seconds, or a number with its unit.

    Args:
        shortest: seconds.
        longest: the same.
    """

    name = "duration"

    def __init__(self, shortest: float, longest: float) -> None:
        self._bounds = shortest, longest

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - what click says
        """See click's."""
        if not isinstance(value, str):
            return value
        shortest, longest = self._bounds
        seconds = parse_duration(value)
        if seconds is None or not shortest <= seconds <= longest:
            self.fail(
                f"{value!r} is no duration from {show_duration(shortest)} to "
                f"{show_duration(longest)}, such as 30min",
                param,
                ctx,
            )
        return seconds


def complete_job(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - what click passes
    """The jobs enqueued last whose ids begin so; none if Redis does not tell."""
    try:
        with UploadClient.from_env() as client:
            found = client.find(limit=_COMPLETED).records
    except FaceliftError:
        return []
    return [record.id for record in found if record.id.startswith(incomplete)]


def complete_account(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - the same
    """The accounts that the pool knows whose names begin so; none if Redis does not tell."""
    try:
        with UploadClient.from_env() as client:
            accounts = client.pool(events=1).accounts
    except FaceliftError:
        return []
    return [account.name for account in accounts if account.name.startswith(incomplete)]


fit_option = click.option(
    "--fit",
    type=click.Choice([fit.value for fit in Fit]),
    default=Fit.STRICT.value,
    show_default=True,
    help="Whether a picture that would be refused is cropped or padded instead.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
job_argument = click.argument("job_id", metavar="JOB", shell_complete=complete_job)


def timeout_option(default: float | None, goes_on: str = "the job goes on") -> Callable[[_F], _F]:
    """How long to wait; None for as long as it takes."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=default,
        show_default="until it has ended" if default is None else True,
        metavar="SECONDS",
        help=f"Wait no longer than this; {goes_on}.",
    )


def filters(command: _F) -> _F:
    """Which jobs: the options by which `list` and `replay` choose."""
    when = Moment(ago=True)
    for option in reversed(
        (
            click.option(
                "--state",
                type=click.Choice([state.value for state in JobState]),
                metavar="STATE",
                help=f"Where they stand: {', '.join(JobState)}.",
            ),
            click.option(
                "--account", help="Whose API key they use.", shell_complete=complete_account
            ),
            click.option("--chatbot", "chatbot_id", metavar="ID", help="Whose picture they are."),
            click.option(
                "--code",
                type=click.Choice([code.value for code in OutcomeCode]),
                metavar="CODE",
                help="What became of them, such as image_not_square; see docs/outcomes.md.",
            ),
            click.option("--batch", metavar="NAME", help="The batch to which they belong."),
            click.option(
                "--since",
                type=when,
                help="Enqueued then or later: 2h for two hours ago, Unix seconds or ISO 8601.",
            ),
            click.option("--before", type=when, help="Enqueued earlier than then; as --since."),
        )
    ):
        command = option(command)
    return command
