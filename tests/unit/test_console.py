"""What reaches a terminal, and what reaches a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facelift.cli.draw.console import PIPE_WIDTH, fact, say, show, table

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = "\x1b[31mred [bold]x[/bold]\x07 :smile:\nnext \u202eevil \ud800"
HARMLESS = r"\x1b[31mred [bold]x[/bold]\x07 :smile: next \u202eevil \ud800"


@pytest.mark.parametrize("style", ["1", ""])
@pytest.mark.parametrize(
    "draw",
    [
        lambda: show(fact("State", HOSTILE)),
        lambda: show(table(["State"], [[HOSTILE]])),
        lambda: say(HOSTILE),
    ],
)
def test_text_of_a_record_neither_styles_nor_steers_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    draw: Callable[[], None],
    style: str,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", style)
    monkeypatch.setenv("TERM", "xterm")
    draw()
    assert HARMLESS in capsys.readouterr().out


def test_a_terminal_has_styles_and_no_color_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    show(fact("State", "failed"))
    assert "\x1b[1m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    show(fact("State", "failed"))
    assert "\x1b[3" not in capsys.readouterr().out


def test_a_pipe_has_lines_without_styles_or_trailing_blanks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    path = "media:" + "x" * 100
    show(fact("State", "word " * 30), fact("Image", path), table(["A", "B"], [["1", "2"]]))
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if "x" not in line) <= PIPE_WIDTH
    assert f"Image     {path}" in lines
    assert lines == [line.rstrip() for line in lines]
    assert lines[-2:] == ["A  B", "1  2"]
