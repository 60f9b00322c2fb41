"""`python -m sandbox.endpoint` is `facelift endpoint`."""

from __future__ import annotations

from sandbox.endpoint.cli import endpoint

if __name__ == "__main__":
    endpoint(prog_name="facelift endpoint")
