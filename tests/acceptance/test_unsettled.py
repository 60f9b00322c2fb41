"""A request that got no answer, and is applied late, never undoes a newer one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import requests

from facelift import UploadClient
from facelift.codes import Decision
from sandbox.redis_server import free_port
from tests.acceptance.world import eventually, worker

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.endpoint.process import EndpointProcess

UNSETTLED, LATE = 6.0, 5.5  # seconds from a request's start


def test_newest_image_or_removal_stands_also_when_the_worker_is_killed(
    environment: dict[str, str], endpoint: EndpointProcess, media: Path, tmp_path: Path
) -> None:
    metrics = free_port()
    settings = environment | {
        "FACELIFT_KEY_PREFIX": "unsettled",
        "FACELIFT_UNSETTLED_FOR": f"{UNSETTLED:g}s",
        "FACELIFT_REQUEST_TIMEOUT": "1s",
        "FACELIFT_READ_TIMEOUT": "1s",
        "FACELIFT_METRICS_PORT": str(metrics),
    }
    client = UploadClient(settings["FACELIFT_REDIS_URL"], key_prefix="unsettled")
    newer: list[str] = []

    def upload(*chatbots: str) -> None:
        """An old request, which is applied late, and a newer one once the old is on its way."""
        for chatbot in chatbots:
            meanwhile = "close" if chatbot.startswith("reset") else "wait"
            rule = {"seconds": LATE, "meanwhile": meanwhile, "times": 1}
            endpoint.add_rule(chatbot, "apply_late", **rule)
            if chatbot.startswith("set"):
                client.remove(chatbot)
            else:
                client.enqueue(chatbot, "media:good.png")
        eventually(
            lambda: set(chatbots) <= {each.chatbot_id for each in endpoint.arrivals()},
            "nothing was sent",
        )
        for chatbot in chatbots:
            if chatbot.startswith("removed"):
                newer.append(client.remove(chatbot).id)
            else:
                newer.append(client.enqueue(chatbot, "media:other.png").id)

    with worker(tmp_path / "first.log", settings) as first:
        upload("slow-1", "slow-2", "removed-1", "set-1", "reset-1", "reset-2")
        for job in newer:
            assert client.wait(job, 10).state == "succeeded"
        assert all(client.status(job).repeat_at for job in newer)
        answered = len(newer)
        upload("killed-1", "killed-2")
        first.kill()  # while these two are in flight
    with worker(tmp_path / "second.log", settings):
        for job in newer:
            client.wait(job, 20)
        eventually(
            lambda: all(each.applied for each in endpoint.arrivals()), "an image is not applied"
        )
        eventually(
            lambda: not any(client.status(job).repeat_at for job in newer),
            "an image is not repeated",
        )
        counted = requests.get(f"http://127.0.0.1:{metrics}/metrics", timeout=10).text
    records = [client.status(job) for job in newer]
    client.close()
    repeated = [each for each in records if each.attempts[-1].decision == Decision.REPEAT]
    assert len(repeated) >= answered  # a killed one may be delivered when its time is over
    newest = hashlib.sha256((media / "other.png").read_bytes()).hexdigest()
    stands = {each.chatbot_id: each.sha256 for each in endpoint.assets()}
    assert stands.pop("removed-1") is None
    assert set(stands.values()) == {newest}
    assert {str(each.state) for each in records} == {"succeeded"}
    assert endpoint.stats()["out_of_order"] >= answered
    assert endpoint.stats()["requests"] == 2 * len(newer) + len(repeated)
    assert f"facelift_repeated_uploads_total {len(repeated)}.0" in counted
