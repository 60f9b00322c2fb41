"""`facelift pause` and `facelift resume`: of an account, or of everything."""

import difflib
from dataclasses import asdict

import click

from facelift.cli.draw.console import Paragraph, answer, warn
from facelift.cli.draw.trouble import describe_pause
from facelift.cli.options import complete_account, duration_within, json_option
from facelift.client import UploadClient
from facelift.job import check_account
from facelift.status.pool import Pause, PoolStatus
from facelift.text import printable

_SHORTEST, _LONGEST = 1.0, 365 * 86_400.0  # seconds

_account = click.argument("account", required=False, shell_complete=complete_account)
_all = click.option("--all", "everything", is_flag=True, help="Everything, not one account.")
_by = click.option(
    "--by", metavar="NAME", help="Who asks for it.  [default: this user at this host]"
)


@click.command()
@_account
@_all
@click.option("--reason", default="", metavar="TEXT", help="Why; shown beside the pause.")
@_by
@click.option(
    "--for",
    "duration",
    type=duration_within(_SHORTEST, _LONGEST),
    metavar="DURATION",
    help="Resume by itself after this time, such as 90s, 30min or 2h.",
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

    An account must be one whose API key a worker has. Running uploads are finished.
    Waiting jobs keep their deadlines. A pause replaces the
    one before, also one that Facelift began. With --json it prints the account, null for
    all, whether it was `paused_before`, and the `pause`.

    \b
    Examples:
      facelift pause acme-eu --reason "new key on its way"
      facelift pause --all --for 30min --reason "Redis is being moved"
    """  # noqa: D301 - click wants the escape, not the backslash
    account = _target(account, everything=everything)
    with UploadClient.from_env() as client:
        before = client.pool()
        until = None if duration is None else before.at + duration
        is_new = client.pause(account, by=by, reason=reason, until=until)
        after = client.pool()
    answer(
        _as_dict(after, account, paused_before=not is_new),
        Paragraph("", _sentence(after, account)),
        *([] if is_new else ["It replaces an earlier pause."]),
        as_json=as_json,
    )


@click.command()
@_account
@_all
@_by
@json_option
def resume(account: str | None, *, everything: bool, by: str | None, as_json: bool) -> None:
    """Resume the jobs of an account, or all jobs.

    Ends the pause of an account whoever began it: an operator, the endpoint that
    asked for it, or Facelift because the endpoint refused the account's API key. Then
    one job tries the key, and the others follow if it is delivered.
    --all ends the pause of everything; accounts paused by name stay paused. With --json
    it prints what `facelift pause` prints.

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
            raise click.UsageError(f"no account {account!r} is known{_hint(account, before)}")
        was_paused = client.resume(account, by=by)
        after = client.pool()
    answer(
        _as_dict(after, account, paused_before=was_paused),
        f"{_subject(account)} is resumed." if was_paused else "There was no pause to end.",
        as_json=as_json,
    )
    if account is not None and after.pause:
        warn(_sentence(after, None))
    if account is None and (paused := [each.name for each in after.accounts if each.pause]):
        warn(f"still paused by name: {', '.join(paused)}")


def _target(account: str | None, *, everything: bool) -> str | None:
    if everything == (account is not None):
        raise click.UsageError("name one ACCOUNT, or give --all")
    return account


def _pause(pool: PoolStatus, account: str | None) -> Pause | None:
    found = pool if account is None else pool.account(account)
    return found.pause if found else None


def _as_dict(pool: PoolStatus, account: str | None, *, paused_before: bool) -> dict[str, object]:
    pause = _pause(pool, account)
    return {"account": account, "paused_before": paused_before, "pause": pause and asdict(pause)}


def _subject(account: str | None) -> str:
    return "Everything" if account is None else f"Account {account}"


def _sentence(pool: PoolStatus, account: str | None) -> str:
    """Whether it is paused, by whom and why."""
    pause = _pause(pool, account)
    state = describe_pause(pause, pool.at) if pause else "not paused."  # resumed since, by another
    return f"{_subject(account)} is {state}"


def _hint(account: str, pool: PoolStatus) -> str:
    names = [printable(each.name) for each in pool.accounts if each.is_registered]
    meant = difflib.get_close_matches(account, names, n=1, cutoff=0.6)
    if meant:
        return f"; did you mean {meant[0]}?"
    return f"; known are {', '.join(names)}" if names else ""
