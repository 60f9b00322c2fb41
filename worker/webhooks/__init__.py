"""Sends a webhook for each job that ended, signed as Standard Webhooks has it.

sender         takes due webhooks from the ledger, a few at a time, and records the result
└── target     one POST
    └── message    its body and signature

The HTTP client, with its checks of addresses, is `worker/http/`.
"""

from worker.webhooks.message import Signer
from worker.webhooks.sender import WebhookSender, patience
from worker.webhooks.target import WebhookTarget

__all__ = ["Signer", "WebhookSender", "WebhookTarget", "patience"]
