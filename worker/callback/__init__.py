"""Tells a receiver by HTTP of each job that ended, signed as Standard Webhooks has it.

messenger      takes what is due from the ledger, a few at a time, and decides what became of it
└── receiver   one POST
    ├── payload    a job's record as the body
    └── signature  the headers that prove where it comes from

The way there, with its checks of addresses, is `worker/web/`.
"""

from __future__ import annotations

from worker.callback.messenger import Messenger, patience
from worker.callback.receiver import Receiver
from worker.callback.signature import Signer

__all__ = ["Messenger", "Receiver", "Signer", "patience"]
