"""The command `facelift`: a group that imports a subcommand only when it is run.

The table below names every command with its short help, so that `--help` imports none of them.
A test compares each short help with that of the command itself.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem, get_completion_class

from facelift.cli.exits import Exit, exit_for
from facelift.errors import FaceliftError
from facelift.text import printable

_OURS = {"facelift", "tasks", "worker", "sandbox"}
_INSTALL = {
    "worker": "pip install ./client .",
    "sandbox": "pip install ./client '.[sandbox]'",
}

COMMANDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Jobs": {
        "enqueue": ("jobs.enqueue:enqueue", "Enqueue the upload of a stored image."),
        "remove": ("jobs.enqueue:remove", "Enqueue the removal of a picture or icon."),
        "enqueue-many": ("bulk.enqueue_many:enqueue_many", "Enqueue the jobs of a file or folder."),
        "batch": ("bulk.batch:batch", "Follow the jobs of a batch, or cancel the rest of them."),
        "status": ("jobs.show:status", "Show the state of a job, or of the pool."),
        "show": ("jobs.show:show_job", "Show a job with its attempts, and what to do."),
        "wait": ("jobs.show:wait", "Wait until a job has ended, then show its outcome."),
        "watch": ("jobs.show:watch", "Follow a job until it has ended: a line for each change."),
        "list": ("jobs.list:list_jobs", "List jobs, newest first."),
        "cancel": ("jobs.enqueue:cancel", "Cancel a job unless it has ended."),
        "priority": ("jobs.priority:priority", "Move jobs to another priority."),
        "replay": ("jobs.replay:replay", "Repeat jobs that have ended."),
    },
    "Operations": {
        "top": ("operations.top:top", "Watch the pool live."),
        "doctor": ("checks.doctor:doctor", "Check what deliveries need, and give advice."),
        "health": ("checks.doctor:health", "Check that this host's workers are consuming."),
        "pause": ("operations.pause:pause", "Pause the jobs of an account, or all jobs."),
        "resume": ("operations.pause:resume", "Resume the jobs of an account, or all jobs."),
    },
    "Worker host": {
        "worker": ("worker", "Run worker processes until stopped."),
        "check": ("worker", "Check whether a worker would upload image files."),
        "fit": ("worker", "Write an image as a job with a fit uploads it."),
    },
    "Set-up": {
        "demo": ("sandbox", "See Facelift work, with nothing to configure."),
        "endpoint": ("sandbox", "Run a sandbox of Chatbase's endpoint, with faults."),
        "completion": ("group:completion", "Print the completion script of a shell."),
    },
}
"""Each command by its heading: where its object is, or what distribution adds it; its help."""

_WIDTH = max(len(name) for group in COMMANDS.values() for name in group)
_OWN = {name: target for group in COMMANDS.values() for name, (target, _) in group.items()}


class CommandGroup(click.Group):
    """The commands of this distribution and of installed entry points, imported when run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names of the commands that are installed here, in the table's order."""
        added = _added()
        known = [name for name, target in _OWN.items() if ":" in target or name in added]
        return [*known, *sorted(added.keys() - _OWN.keys())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; complain if it is known and what it needs is not installed."""
        module, is_own, name = _OWN.get(cmd_name, "").partition(":")
        if is_own:
            command: click.Command = getattr(import_module(f"facelift.cli.{module}"), name)
            return command
        added = _added().get(cmd_name)
        if added is None:
            if module and not ctx.resilient_parsing:  # as when a shell completes words
                _say_what_to_install(cmd_name, module)
            return None
        try:
            command = added.load()
        except ModuleNotFoundError as error:
            _explain(added, error)
            raise
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings, without importing them."""
        left = self.list_commands(ctx)
        for heading, commands in COMMANDS.items():
            rows = [(name, summary) for name, (_, summary) in commands.items() if name in left]
            _write(formatter, heading, rows)
            left = [name for name in left if name not in commands]
        _write(formatter, "Others", [(name, "") for name in left])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without importing them."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name) for name in names), *options]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's type
        """Run a command; report each expected error in one sentence."""
        try:
            return super().invoke(ctx)
        except FaceliftError as error:
            for problem in str(error).splitlines():
                click.echo(f"facelift: {printable(problem)}", err=True)
            return ctx.exit(exit_for(error))
        except ModuleNotFoundError as error:  # some commands import what is heavy when they run
            _explain(_added().get(ctx.invoked_subcommand or ""), error)
            raise


def _say_what_to_install(command: str, distribution: str) -> NoReturn:
    click.echo(f"facelift: {command} needs what `{_INSTALL[distribution]}` adds", err=True)
    raise click.exceptions.Exit(Exit.USAGE)


def _explain(command: EntryPoint | None, error: ModuleNotFoundError) -> None:
    """Say what to install if a command lacks a library; not if it lacks a module of ours."""
    distribution = command.module.partition(".")[0] if command else ""
    if command and distribution in _INSTALL and (error.name or "").partition(".")[0] not in _OURS:
        _say_what_to_install(command.name, distribution)


def _print_versions(ctx: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's signature
    if not asked:
        return
    click.echo(f"facelift-client {version('facelift-client')}")
    with suppress(PackageNotFoundError):  # a host that only enqueues
        click.echo(f"facelift-worker {version('facelift-worker')}")
    ctx.exit()


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="Exit codes: " + "; ".join(f"{code.value} {code.meaning}" for code in Exit) + ".",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Show the installed versions, and exit.",
)
def cli() -> None:
    """Upload chatbots' profile pictures to Chatbase, and see what became of each upload.

    The jobs are in the Redis at FACELIFT_REDIS_URL (default redis://127.0.0.1:6379/0).
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    It completes commands, options, states, codes, job ids and accounts; for the last
    two it asks Redis. bash must be 4.4 or newer.

    \b
    For this shell:
      source <(facelift completion bash)
    For later ones:
      facelift completion bash > ~/.local/share/bash-completion/completions/facelift
      facelift completion zsh > ~/.zfunc/_facelift      # a folder in $fpath
      facelift completion fish > ~/.config/fish/completions/facelift.fish
    """  # noqa: D301 - click wants the escape, not the backslash
    made = get_completion_class(shell)
    if made is None:  # never: click knows these three
        raise click.UsageError(f"{shell} is not supported")
    click.echo(made(ctx.find_root().command, {}, "facelift", "_FACELIFT_COMPLETE").source())


def _write(formatter: click.HelpFormatter, heading: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl([(f"{name:<{_WIDTH}}", summary) for name, summary in rows])


def _added() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group="facelift.commands")}
