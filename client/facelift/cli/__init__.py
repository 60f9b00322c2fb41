"""The `facelift` command.

One module a group of commands: `commands.py` for one job; `bulk.py`, `batch.py`, `finding.py` and
`replaying.py` for many; `operator.py`, `top.py`, `doctor.py` and `health.py` for the pool.
Packages that `tasks` may not import add theirs by the entry point group
`facelift.commands`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

import click

from facelift.cli.batch import batch
from facelift.cli.bulk import enqueue_many
from facelift.cli.commands import COMMANDS
from facelift.cli.completion import completion
from facelift.cli.doctor import doctor
from facelift.cli.exits import Exit, exit_for
from facelift.cli.health import health
from facelift.cli.list_jobs import list_jobs
from facelift.cli.operator import OPERATOR_COMMANDS
from facelift.cli.replaying import replay
from facelift.cli.top import top
from facelift.errors import FaceliftError, InvalidSettings

_OURS = {"facelift", "tasks", "worker", "sandbox"}


class _Group(click.Group):
    """Commands of ours and of installed extras, each error told in one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_extras()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _extras().get(cmd_name)
        return _load(found) if found else super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what click says
        try:
            return super().invoke(ctx)
        except InvalidSettings as error:
            for problem in error.problems:
                click.echo(f"facelift: {problem}", err=True)
            ctx.exit(exit_for(error))
        except FaceliftError as error:
            click.echo(f"facelift: {error}", err=True)
            ctx.exit(exit_for(error))
        except ModuleNotFoundError as error:
            needs = _needs(_extras().get(ctx.invoked_subcommand or ""), error)
            if needs is None:
                raise
            click.echo(f"facelift: {ctx.invoked_subcommand} {needs}", err=True)
            ctx.exit(Exit.USAGE)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in Exit) + ".",
)
@click.version_option(version("facelift-client"), prog_name="facelift")
def cli() -> None:
    """Put chatbots' new profile pictures onto Chatbase, and tell what became of them.

    The ledger is the Redis at FACELIFT_REDIS_URL (default redis://127.0.0.1:6379/0).
    """


for _command in (
    *COMMANDS,
    enqueue_many,
    batch,
    list_jobs,
    replay,
    *OPERATOR_COMMANDS,
    top,
    doctor,
    health,
    completion,
):
    cli.add_command(_command)


def main() -> None:
    """The console script."""
    cli(prog_name="facelift")


def _extras() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group="facelift.commands")}


def _load(found: EntryPoint) -> click.Command:
    try:
        command: click.Command = found.load()
    except ModuleNotFoundError as error:
        missing = error
        needs = _needs(found, missing)
        if needs is None:
            raise
    else:
        return command

    def complain() -> None:
        raise missing

    return click.Command(
        found.name,
        callback=complain,
        help=f"({needs})",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _needs(found: EntryPoint | None, error: ModuleNotFoundError) -> str | None:
    """What to install for a command; None if what is missing is no extra's."""
    if found is None or (error.name or "").partition(".")[0] in _OURS:
        return None
    return f"needs what `pip install 'facelift[{found.module.partition('.')[0]}]'` adds"
