"""Flower's configuration: `celery -A monitor.app flower --conf=deploy/flower/flowerconfig.py`.

Flower reads every name in this file that is one of its options, hence the underscores. A name
set here wins over its variable `FLOWER_…`; for `read_only` this file reads the variable itself.
"""

import os as _os

from flower import app as _flower
from flower.views import monitor as _pages
from flower.views import tasks as _tasks

from monitor import access as _access
from monitor import app as _app
from monitor import healing as _healing
from monitor import rows as _rows

# Chatbot, image and outcome of a task, read from the ledger by the task's id.
format_task = _rows.formatter(_app.records)
tasks_columns = _rows.SHOWN
_tasks.TASK_COLUMNS.update(_rows.COLUMNS)

# Task states whose events were lost, or never sent, are corrected.
_healing.HealedEvents.records = _app.records
_flower.Events = _healing.HealedEvents

# Flower stops no workers and sends no tasks, unless you allow it.
read_only = _os.environ.get("FLOWER_READ_ONLY", "").strip().lower() not in {
    "0",
    "no",
    "off",
    "false",
}

# Flower leaves these two pages open.
_access.guard(_pages.Metrics)
_access.guard(_pages.Healthcheck, is_open_on_loopback=True)
