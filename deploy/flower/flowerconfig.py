"""Flower's configuration: `celery -A monitor.app flower --conf=deploy/flower/flowerconfig.py`.

Flower takes every name in this file that is one of its options, hence the underscores. What
is set here wins over the variables `FLOWER_…`; of those, `FLOWER_READ_ONLY` is heeded.
"""

import os as _os

from flower import app as _flower
from flower.views import monitor as _pages
from flower.views import tasks as _tasks

from monitor import access as _access
from monitor import app as _app
from monitor import healing as _healing
from monitor import rows as _rows

# Which chatbot, which image, what became of it: read from the ledger by the task's id.
format_task = _rows.formatter(_app.records)
tasks_columns = _rows.SHOWN
_tasks.TASK_COLUMNS.update(_rows.COLUMNS)

# What Flower did not hear of, or will never hear of, is put right.
_healing.HealedEvents.records = _app.records
_flower.Events = _healing.HealedEvents

# Nobody stops workers or sends tasks through Flower, unless that is asked for.
read_only = _os.environ.get("FLOWER_READ_ONLY", "").strip().lower() not in {
    "0",
    "no",
    "off",
    "false",
}

# Flower asks for no password there.
_access.guard(_pages.Metrics)
_access.guard(_pages.Healthcheck, is_open_on_loopback=True)
