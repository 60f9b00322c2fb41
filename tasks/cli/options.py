"""Options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tasks.job import Fit

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., object]")


class Moment(click.ParamType[float]):
    """Unix seconds, or a date and time with its zone."""

    name = "time"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - what click says
        """Unix seconds."""
        if not isinstance(value, str):
            return value
        try:
            return float(value)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither Unix seconds nor a time such as 2026-01-31T18:00:00Z",
                param,
                ctx,
            )
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
fit_option = click.option(
    "--fit",
    type=click.Choice([fit.value for fit in Fit]),
    default=Fit.STRICT.value,
    show_default=True,
    help="Whether a picture that would be refused is cropped or padded instead.",
)


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
