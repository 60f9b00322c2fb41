"""The commands and checks that the worker adds to `facelift`."""
