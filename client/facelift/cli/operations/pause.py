"""The operator's commands: pause, resume. `facelift status` shows what came of them."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from facelift.cli.draw.layout import filled
from facelift.cli.draw.pool import describe_pause
from facelift.cli.options import complete_account, json_option
from facelift.cli.values import duration_within
from facelift.client import UploadClient
from facelift.job import check_account

if TYPE_CHECKING:
    from facelift.status.pool import Pause, PoolStatus

_SHORTEST, _LONGEST = 1.0, 365 * 86_400.0  # seconds

_account = click.argument("account", required=False, shell_complete=complete_account)
_all = click.option("--all", "everything", is_flag=True, help="Everything, not one account.")
_by = click.option("--by", metavar="NAME", help="Who wants it.  [default: this user at this host]")


@click.command()
@_account
@_all
@click.option("--reason", default="", metavar="TEXT", help="Why; shown to whoever asks.")
@_by
@click.option(
    "--for",
    "duration",
    type=duration_within(_SHORTEST, _LONGEST),
    metavar="DURATION",
    help="End the pause by itself after this time, such as 90s, 30min or 2h.",
)
@json_option
def pause(
    account: str | None,
    *,
    everything: bool,
    reason: str,
    by: str | None,
    duration: float | None,
    as_json: bool,
) -> None:
    """Pause the jobs of an account, or all jobs.

    Uploads under way are finished. Jobs that wait keep their deadlines. It takes
    the place of a pause that there is, also of one that Facelift began. With --json it
    prints the account, null for all, whether it was `paused_before`, and the `pause`.

    \b
    Examples:
      facelift pause acme-eu --reason "new key on its way"
      facelift pause --all --for 30min --reason "Redis is being moved"
    """  # noqa: D301 - click wants the escape, not the backslash
    account = _target(account, everything=everything)
    with UploadClient.from_env() as client:
        before = client.pool()
        is_new = client.pause(
            account,
            by=by,
            reason=reason,
            until=None if duration is None else before.at + duration,
        )
        after = client.pool()
    if as_json:
        _print_json(after, account, paused_before=not is_new)
    else:
        click.echo(filled("", _sentence(after, account), 2))
        if not is_new:
            click.echo("It was paused before; this takes the place of that.")
    if account is not None:
        found = before.account(account)
        if found is None or not found.is_registered:
            _warn(f"no worker has told of a key for this account{_hint(account, before)}")


@click.command()
@_account
@_all
@_by
@json_option
def resume(account: str | None, *, everything: bool, by: str | None, as_json: bool) -> None:
    """Resume the jobs of an account, or all jobs.

    Ends the pause of an account whoever began it: an operator, the endpoint that
    asked for it, or Facelift because the endpoint refused the account's API key.
    With --all the pause of everything ends; accounts paused by name stay so. With
    --json it prints the same as of `facelift pause`.

    \b
    Examples:
      facelift resume acme-eu
      facelift resume --all
    """  # noqa: D301 - click wants the escape, not the backslash
    account = _target(account, everything=everything)
    with UploadClient.from_env() as client:
        before = client.pool()
        if account is not None and before.account(account) is None:
            check_account(account)
            raise click.UsageError(
                f"nobody has named the account {account!r} yet{_hint(account, before)}"
            )
        was_paused = client.resume(account, by=by)
        after = client.pool()
    if as_json:
        _print_json(after, account, paused_before=was_paused)
    else:
        told = f"{_subject(account)} is resumed." if was_paused else "There was no pause to end."
        click.echo(told)
    if account is not None and after.pause:
        _warn(_sentence(after, None))
    if account is None and (paused := [each.name for each in after.accounts if each.pause]):
        _warn(f"still paused by name: {', '.join(paused)}")


OPERATOR_COMMANDS = (pause, resume)


def _target(account: str | None, *, everything: bool) -> str | None:
    if everything == (account is not None):
        raise click.UsageError("name one ACCOUNT, or say --all")
    return account


def _print_json(pool: PoolStatus, account: str | None, *, paused_before: bool) -> None:
    pause = _pause(pool, account)
    told = {"account": account, "paused_before": paused_before, "pause": pause and asdict(pause)}
    click.echo(json.dumps(told))


def _pause(pool: PoolStatus, account: str | None) -> Pause | None:
    found = pool if account is None else pool.account(account)
    return found.pause if found else None


def _subject(account: str | None) -> str:
    return "Everything" if account is None else f"Account {account}"


def _sentence(pool: PoolStatus, account: str | None) -> str:
    """How the pause stands that was asked for."""
    pause = _pause(pool, account)
    if pause is None:  # resumed since, by another
        return f"{_subject(account)} is not paused."
    return f"{_subject(account)} is {describe_pause(pause, pool.at)}"


def _hint(account: str, pool: PoolStatus) -> str:
    names = [each.name for each in pool.accounts if each.is_registered]
    meant = difflib.get_close_matches(account, names, n=1, cutoff=0.6)
    if meant:
        return f"; did you mean {meant[0]}?"
    return f"; known are {', '.join(names)}" if names else ""


def _warn(sentence: str) -> None:
    click.echo(f"facelift: warning: {sentence}", err=True)
