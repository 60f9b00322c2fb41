"""`facelift completion`: the script with which a shell completes commands, jobs and accounts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
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
