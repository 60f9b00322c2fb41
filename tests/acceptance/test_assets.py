"""A chatbot's picture and icon, set and removed, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from facelift import UploadClient
    from sandbox.endpoint.process import EndpointProcess

pytestmark = pytest.mark.usefixtures("shared_worker", "endpoint")


def test_picture_and_icon_are_set_and_removed_apart(
    client: UploadClient, endpoint: EndpointProcess, media: Path
) -> None:
    first = client.enqueue_many(
        [
            {"chatbot_id": "bot", "image": "media:good.png"},
            {"chatbot_id": "bot", "image": "media:other.png", "asset": "icon"},
        ]
    )
    outcomes = [client.wait(each.record.id, 30).outcome for each in first]
    assert outcomes == ["delivered", "delivered"]
    assert endpoint.image("bot") == (media / "good.png").read_bytes()
    assert endpoint.image("bot", "icon") == (media / "other.png").read_bytes()
    removed = client.wait(client.remove("bot").id, 30)
    assert (removed.state, removed.outcome, removed.http_status) == ("succeeded", "removed", 200)
    assert endpoint.image("bot") is None
    assert endpoint.image("bot", "icon") is not None


def test_removal_whose_answer_was_lost_is_repeated(
    client: UploadClient, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("bot", "close_after_accept", times=2)  # one is sent again at once
    endpoint.add_rule("gone", "status", status=404)
    jobs = [client.remove("bot", asset="icon"), client.remove("gone")]
    repeated, refused = (client.wait(job.id, 30) for job in jobs)
    assert [each.code for each in repeated.attempts] == ["connection_lost", "removed"]
    assert (refused.state, refused.outcome) == ("failed", "chatbot_not_found")


def test_removal_supersedes_an_image_that_waits(
    client: UploadClient, endpoint: EndpointProcess
) -> None:
    endpoint.add_rule("bot", "status", status=503, times=1)
    image = client.enqueue("bot", "media:good.png")
    for record in client.watch(image.id, 30):
        if record.wait_reason == "retry":
            break
    removed = client.wait(client.remove("bot").id, 30)
    assert (removed.outcome, client.status(image.id).state) == ("removed", "superseded")
    assert endpoint.image("bot") is None
