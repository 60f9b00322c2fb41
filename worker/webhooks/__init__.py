"""Tells a receiver by HTTP of each job that ended, signed as Standard Webhooks has it.

messenger      takes what is due from the ledger, a few at a time, and decides what became of it
└── receiver   one POST
    ├── payload    a job's record as the body
    └── signature  the headers that prove where it comes from

The way there, with its checks of addresses, is `worker/web/`.
"""

from __future__ import annotations

from worker.webhooks.sender import WebhookSender, patience
from worker.webhooks.signature import Signer
from worker.webhooks.target import WebhookTarget

__all__ = ["Signer", "WebhookSender", "WebhookTarget", "patience"]
