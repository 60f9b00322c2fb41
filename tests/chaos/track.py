"""The groups of faults, each injected by a thread of its own, one fault after the other."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # its stubs are a package of their own
from redis.exceptions import RedisError

from tests.chaos import deploys, faults
from tests.chaos.scene import NotNow

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.scene import Scene

log = logging.getLogger(__name__)

ON_PROCESSES: tuple[Callable[[Scene], None], ...] = (
    faults.kill_worker_process,
    faults.run_short_of_memory,
    faults.kill_supervisor,
    faults.terminate,
    faults.terminate_twice,
    faults.freeze_worker,
    faults.freeze_worker_mid_upload,
    faults.kill_redis,
    faults.pause_redis,
    faults.demote_redis,
    faults.kill_clients,
    faults.flush_scripts,
    deploys.start_with_a_stale_key,
    deploys.start_without_the_store,
    deploys.unmount_the_store,
)
ON_THE_NETWORK: tuple[Callable[[Scene], None], ...] = (
    faults.lose_redis,
    faults.lose_endpoint,
    faults.lose_redis_for_producers,
    faults.cut_connections,
    faults.delay_connections,
    faults.storm,
    faults.poison_chatbots,
    faults.close_after_accept,
    faults.reset_mid_upload,
    faults.slow_answers,
    faults.duplicate_messages,
    faults.lose_messages,
)


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """A fault that was injected; times are monotonic seconds."""

    kind: str
    began: float
    ended: float


class Track:
    """Injects the faults of one group, one after the other, in its own thread.

    Args:
        faults: the group; all of them happen before one happens again.
        scene: what they need.
        until: monotonic seconds; none begins later.
    """

    def __init__(
        self, faults: tuple[Callable[[Scene], None], ...], scene: Scene, until: float
    ) -> None:
        self.injected: list[InjectedFault] = []
        self.error: BaseException | None = None
        self._faults = faults
        self._scene = scene
        self._until = until
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until its last fault is over.

        Raises:
            BaseException: injecting a fault failed.
        """
        while self._thread.is_alive():
            self._thread.join(0.5)  # so that Ctrl-C is handled
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        rng = self._scene.rng
        try:
            while True:
                for fault in rng.sample(self._faults, len(self._faults)):
                    if time.monotonic() > self._until:
                        return
                    self._inject(fault)
                    time.sleep(rng.uniform(0.2, 1))
        except BaseException as error:  # noqa: BLE001 - raised again in `join`
            self.error = error

    def _inject(self, fault: Callable[[Scene], None]) -> None:
        began = time.monotonic()
        try:
            fault(self._scene)
        except (NotNow, RedisError, psutil.Error) as error:
            log.info("%s could not happen: %r", fault.__name__, error)
        else:
            self.injected.append(InjectedFault(fault.__name__, began, time.monotonic()))
