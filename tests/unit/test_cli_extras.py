"""Commands of extras that may not be installed."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from facelift.cli import cli

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Decide what becomes of loading an extra's command."""

    def decide(loading: Callable[[], object]) -> None:
        monkeypatch.setattr(EntryPoint, "load", lambda _: loading())

    return decide


def missing(module: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {module!r}", name=module)


def fail_to_load() -> object:
    raise missing("aiohttp.web")


@click.command()
def fails_when_run() -> None:
    """Load what is heavy when it is run, and not for --help."""
    raise missing("pydantic")


@pytest.mark.parametrize("loading", [fail_to_load, lambda: fails_when_run])
@pytest.mark.parametrize(
    ("command", "extra"), [("worker", "worker"), ("endpoint", "sandbox"), ("demo", "sandbox")]
)
def test_a_command_whose_extra_is_missing_says_what_to_install(
    load: Callable[[Callable[[], object]], None],
    loading: Callable[[], object],
    command: str,
    extra: str,
) -> None:
    load(loading)
    said = CliRunner().invoke(cli, [command])
    assert said.exit_code == 2
    assert said.output == f"facelift: {command} needs what `pip install 'facelift[{extra}]'` adds\n"


def test_options_of_a_command_that_is_not_installed_are_not_complained_of(
    load: Callable[[Callable[[], object]], None],
) -> None:
    load(fail_to_load)
    said = CliRunner().invoke(cli, ["worker", "--concurrency", "5", "x"])
    assert "pip install" in said.output


def test_help_says_which_commands_are_not_installed(
    load: Callable[[Callable[[], object]], None],
) -> None:
    load(fail_to_load)
    said = CliRunner().invoke(cli, ["--help"])
    assert said.exit_code == 0
    told = " ".join(said.output.split())
    assert "worker (needs what `pip install 'facelift[worker]'` adds)" in told


@pytest.mark.parametrize("module", ["worker.gone", "tasks", "sandbox.demo.gone"])
def test_a_module_of_our_own_that_is_missing_is_a_defect_and_not_hidden(
    load: Callable[[Callable[[], object]], None], module: str
) -> None:
    def break_it() -> object:
        raise missing(module)

    load(break_it)
    said = CliRunner().invoke(cli, ["worker"])
    assert isinstance(said.exception, ModuleNotFoundError)
