"""Faults of a Python process that has this folder on PYTHONPATH: Python runs this first.

CHAOS_CLOCK_SKEW: seconds by which its wall clock is wrong.
DEADLY_IMAGE: how the names of files end that get it killed when it opens one, as a shortage of
    memory would; once for each file in the folder DEADLY_SHOTS.
"""

import os
import signal
import sys
import time
from pathlib import Path

_true_time = time.time
_skew = float(os.environ.get("CHAOS_CLOCK_SKEW", "0"))
_image, _shots = os.environ.get("DEADLY_IMAGE", ""), os.environ.get("DEADLY_SHOTS", "")


def _kill(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and str(arguments[0]).endswith(_image):
        for shot in Path(_shots).iterdir():
            shot.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


if _skew:
    time.time = lambda: _true_time() + _skew
if _image:
    sys.addaudithook(_kill)
