"""The command `facelift`, installed by the extra `cli`.

group               the command itself: its subcommands by name, each imported when it is run
├── jobs            enqueue, follow, list and replay jobs
├── bulk            many jobs at once: enqueue-many, batch
├── operations      the pool: top, pause, resume
├── checks          doctor and its checks; health
└── draw            what people see, drawn by rich
options             options that several commands share, and how their values are read
exits               the exit codes

Other distributions add commands by the entry-point group `facelift.commands` and checks of
`facelift doctor` by `facelift.checks`.
"""

import sys
from importlib.util import find_spec
from io import TextIOWrapper

_NEEDED = ("click", "rich")


def main() -> None:
    """Run the console script."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"facelift: the command needs {' and '.join(missing)}: pip install './client[cli]'\n"
        )
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that it lacks is no reason to fail
            stream.reconfigure(errors="replace")
    from facelift.cli.group import cli  # noqa: PLC0415 - it needs click

    cli(prog_name="facelift")
