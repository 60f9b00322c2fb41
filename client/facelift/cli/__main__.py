"""Runs the command as `python -m facelift.cli`."""

from facelift.cli import main

main()
