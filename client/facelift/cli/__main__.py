"""`python -m facelift.cli` is `facelift`."""

from facelift.cli import main

main()
