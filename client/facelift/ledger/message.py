"""The wake-up message of a job on the Celery queue.

The scripts push it in the step that queues the job, so there is no job without a message, and no
message without a job. It has the format of Celery's message protocol 2 in kombu's Redis envelope;
a test compares it with what Celery sends. It carries the job id and nothing else.
"""

import base64
import json

from facelift.job import UPLOAD_TASK

_NO_ARGUMENTS = json.dumps(
    [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
)


def envelope(queue: str) -> str:
    """The message of `facelift.upload` on `queue`, with marks that a script replaces.

    `@ID@` is the job id, `@TAG@` a delivery tag that no other message has, and
    `@SENT@` the Unix time at which it is sent.
    """
    message = {
        "body": base64.b64encode(_NO_ARGUMENTS.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": UPLOAD_TASK,
            "id": "@ID@",
            "root_id": "@ID@",
            "parent_id": None,
            "group": None,
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": [None, None],
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "ignore_result": True,
            "sent_at": "@SENT@",
        },
        "properties": {
            "correlation_id": "@ID@",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "@TAG@",
        },
    }
    return json.dumps(message, separators=(",", ":")).replace('"@SENT@"', "@SENT@")
