"""Sends the follow-ups of `facelift.enqueue`, and notes the messages that were refused."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis

from facelift.errors import FaceliftError
from facelift.ledger.connection import translated
from facelift.ledger.refused import RefusedMessages
from facelift.status.refused import RefusedMessage
from tasks.follow_ups import Entry
from tasks.message import MessageRefused
from worker.monitoring.logs import fields
from worker.monitoring.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FollowUpSender:
    """Pushes entries to the lists of other Celery apps on the ledger's Redis."""

    redis: Redis

    def send(self, entries: Sequence[Entry]) -> None:
        """Push all of them, or none.

        Raises:
            LedgerUnavailable: they may have been pushed; push them again.
            LedgerRefused: Redis refused.
        """
        with translated(), self.redis.pipeline() as pipeline:
            for entry in entries:
                pipeline.lpush(entry.key, entry.text)
            pipeline.execute()


@dataclass(frozen=True, slots=True)
class RefusedNotes:
    """Counts refused messages, and puts them into the ledger's list."""

    messages: RefusedMessages
    metrics: Metrics

    def note(self, refused: MessageRefused) -> None:
        """Note a message; where Redis fails, the log alone has it."""
        self.metrics.message_refused()
        try:
            self.messages.add(RefusedMessage(time.time(), refused.reason, refused.task_id))
        except FaceliftError as error:
            log.warning("refused message is not in the list", extra=fields(reason=str(error)))
