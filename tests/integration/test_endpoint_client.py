"""The client against the sandbox endpoint."""

from __future__ import annotations

import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facelift.asset import Asset
from facelift.codes import OutcomeCode
from sandbox.endpoint.process import EndpointProcess
from worker.endpoint import EndpointClient, Receipt, RequestLimits
from worker.errors import DeliveryFailed, DeliveryRefused, Failure, LeaseLost, RateLimited
from worker.images.formats import ImageFormat
from worker.images.validate import ValidImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS = RequestLimits(connect=2, read=5, total=10)


def make_image(image_format: ImageFormat = ImageFormat.PNG, side: int = 300) -> ValidImage:
    file = BytesIO()
    Image.effect_noise((side, side), 80).save(file, image_format)
    return ValidImage(file.getvalue(), image_format, side)


@pytest.fixture(scope="module")
def running_endpoint() -> Iterator[EndpointProcess]:
    with EndpointProcess() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(running_endpoint: EndpointProcess) -> EndpointProcess:
    running_endpoint.reset()
    return running_endpoint


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def client(endpoint: EndpointProcess) -> Iterator[EndpointClient]:
    client = EndpointClient(endpoint.url, LIMITS)
    yield client
    client.close()


@pytest.fixture
def deliver(endpoint: EndpointProcess, client: EndpointClient) -> Callable[[], Receipt]:
    """Deliver an image to bot-1."""

    def deliver() -> Receipt:
        return client.deliver(make_image(), chatbot_id="bot-1", api_key=endpoint.api_key)

    return deliver


@pytest.mark.parametrize("image_format", [ImageFormat.PNG, ImageFormat.JPEG])
def test_the_image_arrives_as_it_is(
    endpoint: EndpointProcess, client: EndpointClient, image_format: ImageFormat
) -> None:
    image = make_image(image_format)
    receipt = client.deliver(image, chatbot_id="bot-ä/1", api_key=endpoint.api_key)
    assert receipt == Receipt(
        200,
        "Delivered: Chatbot Profile Picture uploaded successfully.",
        confirmed=True,
    )
    assert endpoint.image("bot-ä/1") == image.data


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, OutcomeCode.BAD_REQUEST),
        (401, OutcomeCode.UNAUTHORIZED),
        (402, OutcomeCode.REJECTED),
        (403, OutcomeCode.FORBIDDEN),
        (404, OutcomeCode.CHATBOT_NOT_FOUND),
        (410, OutcomeCode.ENDPOINT_GONE),
        (413, OutcomeCode.IMAGE_REFUSED),
        (415, OutcomeCode.IMAGE_REFUSED),
        (422, OutcomeCode.IMAGE_REFUSED),
    ],
)
def test_a_final_status_is_a_refusal(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt], status: int, code: OutcomeCode
) -> None:
    endpoint.add_rule("bot-1", "status", status=status)
    with pytest.raises(DeliveryRefused) as caught:
        deliver()
    assert (caught.value.code, caught.value.http_status) == (code, status)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (408, OutcomeCode.TIMEOUT),
        (425, OutcomeCode.TOO_EARLY),
        (500, OutcomeCode.SERVER_ERROR),
        (503, OutcomeCode.SERVER_ERROR),
        (599, OutcomeCode.SERVER_ERROR),
    ],
)
def test_a_broken_endpoint_is_a_failure_that_may_be_retried(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt], status: int, code: OutcomeCode
) -> None:
    endpoint.add_rule("bot-1", "status", status=status)
    with pytest.raises(DeliveryFailed) as caught:
        deliver()
    assert (caught.value.code, caught.value.http_status) == (code, status)


def test_a_failure_is_not_retried_by_the_client(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt]
) -> None:
    endpoint.add_rule("bot-1", "status", status=503, retry_after=0)
    with pytest.raises(DeliveryFailed):
        deliver()
    assert [arrival.status for arrival in endpoint.arrivals()] == [503]


def test_a_wrong_key_is_refused_in_the_endpoints_words(
    endpoint: EndpointProcess, client: EndpointClient
) -> None:
    with pytest.raises(DeliveryRefused) as caught:
        client.deliver(make_image(), chatbot_id="bot-1", api_key="wrong-key")
    assert caught.value.code is OutcomeCode.UNAUTHORIZED
    assert caught.value.sentence == "The endpoint answered 401: Invalid API key."
    assert endpoint.image("bot-1") is None


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"retry_after": 7}, 7),
        ({"retry_after_date": 60}, 60),
        ({"ratelimit_reset": 60}, 60),
        ({"ratelimit_reset": 60, "ratelimit_reset_unit": "ms"}, 60),
        ({"retry_after": 7, "ratelimit_reset": 60}, 7),
        ({}, None),
    ],
)
def test_a_429_says_how_long_to_wait(
    endpoint: EndpointProcess,
    deliver: Callable[[], Receipt],
    options: dict[str, Any],
    seconds: float | None,
) -> None:
    endpoint.add_rule("bot-1", "status", status=429, **options)
    with pytest.raises(RateLimited) as caught:
        deliver()
    pause = caught.value.retry_after
    assert pause is None if seconds is None else pause == pytest.approx(seconds, abs=5)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt], status: int
) -> None:
    address = {"Location": f"{endpoint.url}/api/v1/upload-chatbot-profile-picture?token=abc"}
    endpoint.add_rule("bot-1", "status", status=status, headers=address)
    with pytest.raises(DeliveryRefused) as caught:
        deliver()
    assert caught.value.code is OutcomeCode.UNEXPECTED_REDIRECT
    assert caught.value.sentence == f"The endpoint redirects to 127.0.0.1 ({status}); not followed."
    assert len(endpoint.arrivals()) == 1


def test_the_quota_comes_with_the_receipt_and_with_every_refusal() -> None:
    with EndpointProcess(options=["--rate-limit", "2/60s"]) as limited:
        limited.add_rule("bot-2", "status", status=500)
        client = EndpointClient(limited.url, LIMITS)

        def deliver(chatbot_id: str) -> Receipt:
            return client.deliver(make_image(), chatbot_id=chatbot_id, api_key=limited.api_key)

        quotas = [deliver("bot-1").quota]
        for chatbot_id, kind in (("bot-2", DeliveryFailed), ("bot-1", RateLimited)):
            with pytest.raises(kind) as caught:
                deliver(chatbot_id)
            quotas.append(caught.value.quota)
        client.close()
    assert [quota and (quota.limit, quota.remaining) for quota in quotas] == [
        (2, 1),
        (2, 0),
        (2, 0),
    ]
    assert all(quota and 0 < (quota.reset_after or 0) <= 62 for quota in quotas)


def test_an_html_page_is_judged_by_its_status(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt]
) -> None:
    endpoint.add_rule("bot-1", "html")
    with pytest.raises(DeliveryFailed) as caught:
        deliver()
    assert caught.value.sentence == "The endpoint answered 502: Bad Gateway."


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("invalid_json", {}),
        ("html", {"status": 200}),
        ("status", {"status": 204}),
        ("huge_body", {}),
        ("huge_body", {"size": 1_000_000}),
    ],
)
def test_a_success_without_the_documented_body_is_unconfirmed(
    endpoint: EndpointProcess,
    deliver: Callable[[], Receipt],
    fault: str,
    options: dict[str, Any],
) -> None:
    endpoint.add_rule("bot-1", fault, **options)
    receipt = deliver()
    assert not receipt.confirmed
    assert receipt.message.endswith("without the documented confirmation.")


@pytest.mark.parametrize(
    "fault", ["reset", "close_before_read", "close_after_accept", "truncated_body"]
)
def test_a_broken_connection_is_lost(
    endpoint: EndpointProcess, deliver: Callable[[], Receipt], fault: str
) -> None:
    endpoint.add_rule("bot-1", fault, times=1)
    with pytest.raises(DeliveryFailed) as caught:
        deliver()
    assert caught.value.code is OutcomeCode.CONNECTION_LOST
    assert caught.value.http_status is None
    assert deliver().confirmed


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("delay", {"seconds": 60}),
        ("trickle", {"part": "headers", "seconds": 0.05}),
        ("trickle", {"part": "body", "seconds": 0.2}),
    ],
)
def test_the_total_limit_holds_however_busy_the_connection_is(
    endpoint: EndpointProcess, fault: str, options: dict[str, Any]
) -> None:
    endpoint.add_rule("bot-1", fault, times=1, **options)
    client = EndpointClient(endpoint.url, RequestLimits(connect=5, read=30, total=0.6))
    started = time.monotonic()
    with pytest.raises(DeliveryFailed) as caught:
        client.deliver(make_image(), chatbot_id="bot-1", api_key=endpoint.api_key)
    assert 0.6 <= time.monotonic() - started < 4
    assert caught.value.code is OutcomeCode.TIMEOUT
    assert caught.value.sentence == "127.0.0.1 had not answered in full after 0.6 s."
    assert client.deliver(make_image(), chatbot_id="bot-1", api_key=endpoint.api_key).confirmed
    client.close()


def test_the_read_limit_ends_a_silence(endpoint: EndpointProcess) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=60)
    client = EndpointClient(endpoint.url, RequestLimits(connect=5, read=0.2, total=30))
    started = time.monotonic()
    with pytest.raises(DeliveryFailed) as caught:
        client.deliver(make_image(), chatbot_id="bot-1", api_key=endpoint.api_key)
    assert time.monotonic() - started < 4
    assert caught.value.code is OutcomeCode.TIMEOUT
    client.close()


def test_a_lease_that_is_lost_while_the_answer_is_awaited_ends_the_request(
    endpoint: EndpointProcess, client: EndpointClient
) -> None:
    endpoint.add_rule("bot-1", "delay", seconds=60)
    started = time.monotonic()
    with pytest.raises(LeaseLost):
        client.deliver(
            make_image(),
            chatbot_id="bot-1",
            api_key=endpoint.api_key,
            may_send=lambda: time.monotonic() < started + 0.5,
        )
    assert time.monotonic() - started < 4
    assert endpoint.image("bot-1") is not None  # it had been sent in full


def test_a_lease_that_is_lost_while_sending_cuts_the_upload_off(
    endpoint: EndpointProcess, client: EndpointClient
) -> None:
    asked = 0

    def may_send() -> bool:
        nonlocal asked
        asked += 1
        return asked <= 2

    blocks = make_image(side=800)
    assert len(blocks.data) > 2 * 262_144
    with pytest.raises(LeaseLost):
        client.deliver(
            blocks,
            chatbot_id="bot-1",
            api_key=endpoint.api_key,
            may_send=may_send,
        )
    assert endpoint.image("bot-1") is None
    assert client.deliver(make_image(), chatbot_id="bot-1", api_key=endpoint.api_key).confirmed


@pytest.mark.parametrize("chatbot_id", ["bot-1", "bot ä/1?&chatbotId=x#%41+"])
def test_icon_and_picture_are_set_and_removed_apart(
    endpoint: EndpointProcess, client: EndpointClient, chatbot_id: str
) -> None:
    def ask(image: ValidImage | None, asset: Asset) -> str:
        key = endpoint.api_key
        return client.deliver(image, chatbot_id=chatbot_id, api_key=key, asset=asset).message

    picture, icon = make_image(), make_image(ImageFormat.JPEG)
    ask(picture, Asset.PROFILE_PICTURE)
    assert ask(icon, Asset.ICON) == "Delivered: Chatbot chat icon uploaded successfully."
    assert endpoint.image(chatbot_id) == picture.data
    assert endpoint.image(chatbot_id, "icon") == icon.data
    assert ask(None, Asset.ICON) == "Removed: Chatbot icon deleted successfully."
    assert (endpoint.image(chatbot_id), endpoint.image(chatbot_id, "icon")) == (picture.data, None)
    assert ask(None, Asset.PROFILE_PICTURE).startswith("Removed")
    assert endpoint.image(chatbot_id) is None
    assert [each.status for each in endpoint.arrivals()] == [200] * 4


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, OutcomeCode.BAD_REQUEST),
        (401, OutcomeCode.UNAUTHORIZED),
        (403, OutcomeCode.FORBIDDEN),
        (404, OutcomeCode.CHATBOT_NOT_FOUND),
        (429, OutcomeCode.RATE_LIMITED),
        (500, OutcomeCode.SERVER_ERROR),
    ],
)
def test_status_means_for_a_removal_what_it_means_for_an_upload(
    endpoint: EndpointProcess, client: EndpointClient, status: int, code: OutcomeCode
) -> None:
    endpoint.add_rule("bot-1", "status", status=status)
    with pytest.raises(Failure) as caught:
        client.deliver(None, chatbot_id="bot-1", api_key=endpoint.api_key)
    assert caught.value.code == code
