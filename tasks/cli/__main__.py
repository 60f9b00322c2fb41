"""`python -m tasks.cli` is `facelift`."""

from tasks.cli import main

main()
