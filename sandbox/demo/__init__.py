"""`facelift demo`: all of Facelift on one machine, with nothing to configure."""

from sandbox.demo.run import demo

__all__ = ["demo"]
