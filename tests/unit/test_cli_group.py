"""The command imports what it runs and no more, and says what to install for the rest."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import facelift.cli.group
from facelift.cli import main
from facelift.cli.group import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Decide what happens when an entry point is loaded."""

    def decide(loading: Callable[[], object]) -> None:
        monkeypatch.setattr(EntryPoint, "load", lambda _: loading())

    return decide


def missing(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def fail_to_load() -> object:
    raise missing("aiohttp.web")


@click.command()
def fails_when_run() -> None:
    """Import what is heavy when it is run, and not for --help."""
    raise missing("pydantic")


def modules(*arguments: str) -> set[str]:
    """What a process has imported once it has run the command."""
    code = (
        "import json, sys\n"
        "from facelift.cli import main\n"
        "try:\n main()\n"
        "finally:\n sys.stderr.write(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        env=os.environ | {"FACELIFT_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


HEAVY = {"aiohttp", "asyncio", "celery", "PIL", "pydantic", "redis", "requests", "rich"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_no_command_and_no_library_but_click(arguments: list[str]) -> None:
    loaded = modules(*arguments)
    assert "click" in loaded
    assert loaded & {*HEAVY, "worker", "sandbox", "tasks", "facelift.cli.jobs"} == set()


def test_status_imports_neither_other_commands_nor_the_worker() -> None:
    loaded = modules("status")
    assert loaded & {"facelift.cli.jobs.show", "redis", "rich"}
    others = {"facelift.cli.bulk", "facelift.cli.operations", "facelift.cli.checks"}
    assert loaded & {*others, "worker", "sandbox", "tasks", "celery", "rich.progress"} == set()


@pytest.mark.parametrize(
    ("name", "summary"),
    [(name, summary) for group in COMMANDS.values() for name, (_, summary) in group.items()],
)
def test_help_says_of_each_command_what_its_own_help_says(name: str, summary: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.name, command.get_short_help_str(200)) == (name, summary)


def test_commands_of_other_distributions_are_listed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    added = EntryPoint("greet", "elsewhere:greet", "facelift.commands")
    monkeypatch.setattr(facelift.cli.group, "entry_points", lambda group: [added])  # noqa: ARG005 - as it is called
    listed = CliRunner().invoke(cli, ["--help"]).output
    assert "\nOthers:\n  greet" in listed
    assert "\n  worker " not in listed


@pytest.mark.parametrize("loading", [fail_to_load, lambda: fails_when_run])
@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("worker", "pip install ./client ."),
        ("endpoint", "pip install ./client '.[sandbox]'"),
        ("demo", "pip install ./client '.[sandbox]'"),
    ],
)
def test_a_command_whose_extra_is_missing_says_what_to_install(
    load: Callable[[Callable[[], object]], None],
    loading: Callable[[], object],
    command: str,
    line: str,
) -> None:
    load(loading)
    said = CliRunner().invoke(cli, [command])
    assert said.exit_code == 2
    assert said.output == f"facelift: {command} needs what `{line}` adds\n"


def test_a_command_of_the_worker_is_known_where_only_the_client_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facelift.cli.group, "entry_points", lambda group: [])  # noqa: ARG005 - as it is called
    said = CliRunner().invoke(cli, ["worker", "--processes", "2"])
    assert said.exit_code == 2
    assert said.output == "facelift: worker needs what `pip install ./client .` adds\n"


@pytest.mark.parametrize("arguments", [["--concurrency", "5", "x"], ["--help"]])
def test_arguments_of_a_command_that_is_not_installed_are_ignored(
    load: Callable[[Callable[[], object]], None], arguments: list[str]
) -> None:
    load(fail_to_load)
    said = CliRunner().invoke(cli, ["worker", *arguments])
    assert said.output == "facelift: worker needs what `pip install ./client .` adds\n"


@pytest.mark.parametrize("module", ["worker.gone", "tasks", "sandbox.demo.gone"])
def test_a_module_of_our_own_that_is_missing_is_a_defect_and_not_hidden(
    load: Callable[[Callable[[], object]], None], module: str
) -> None:
    def break_it() -> object:
        raise missing(module)

    load(break_it)
    said = CliRunner().invoke(cli, ["worker"])
    assert isinstance(said.exception, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("absent", "shown"), [({"rich"}, "rich"), ({"click", "rich"}, "click and rich")]
)
def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    absent: set[str],
    shown: str,
) -> None:
    find = importlib.util.find_spec

    def find_others(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in absent else find(name, package)

    monkeypatch.setattr("facelift.cli.find_spec", find_others)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        f"facelift: the command needs {shown}: pip install './client[cli]'\n",
    )


def test_version_names_both_distributions() -> None:
    said = CliRunner().invoke(cli, ["--version"])
    assert said.output == (
        f"facelift-client {version('facelift-client')}\n"
        f"facelift-worker {version('facelift-worker')}\n"
    )


def test_version_leaves_out_a_worker_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def installed(name: str) -> str:
        if name == "facelift-worker":
            raise PackageNotFoundError(name)
        return "1.2.3"

    monkeypatch.setattr(facelift.cli.group, "version", installed)
    assert CliRunner().invoke(cli, ["--version"]).output == "facelift-client 1.2.3\n"
