"""Shifts the wall clock of a Python process by CHAOS_CLOCK_SKEW seconds.

On PYTHONPATH, Python runs this before anything else.
"""

import os
import time

_true_time = time.time
_skew = float(os.environ.get("CHAOS_CLOCK_SKEW", "0"))

time.time = lambda: _true_time() + _skew
