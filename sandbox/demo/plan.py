"""The demo's plan: what is done to which chatbot, and what must come of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from facelift import Action, Asset, JobRecord, OutcomeCode, UploadJob
from sandbox.endpoint.process import EndpointProcess
from sandbox.samples import Sample

UNKNOWN_CHATBOT = "nobody"
"""The one chatbot that the sandbox endpoint does not know."""
REFUSED = "gym"
"""The account whose API key is refused once; also its chatbot."""

RULES = (
    "florist 500 times=2",
    "museum 429 retry_after=2 times=1",
    "library reset times=1",
    "cinema delay seconds=4 times=1",
    "gym 401 times=1",
)
"""The sandbox endpoint's rules, as its option `--fault` takes them."""


_Place = tuple[str | None, str | None]  # a chatbot and an asset


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """An image for a chatbot, or (None) the removal of one, and what must come of it."""

    image: Sample | None
    chatbot_id: str
    outcome: OutcomeCode
    statuses: tuple[int | None, ...] = ()  # of the responses to its requests; None for none
    account: str = "default"
    asset: Asset = Asset.PROFILE_PICTURE

    @property
    def job(self) -> UploadJob:
        """What to enqueue; the images are in the store `media`."""
        return UploadJob(
            chatbot_id=self.chatbot_id,
            image=f"media:{self.image.name}" if self.image else None,
            account=self.account,
            asset=self.asset,
            action=Action.SET if self.image else Action.REMOVE,
        )

    def __str__(self) -> str:
        what = self.image.name if self.image else "removal"
        return f"{what} for {self.chatbot_id}"


def plan(samples: Sequence[Sample]) -> list[PlannedJob]:
    """The jobs in the order of enqueueing, before a worker runs; uses all samples."""
    delivered, superseded = OutcomeCode.DELIVERED, OutcomeCode.SUPERSEDED
    good = [each for each in samples if each.expected is delivered]
    bad = [each for each in samples if each.expected is not delivered]
    story = [
        # The newest image is a bad one: the good one before it is still delivered.
        PlannedJob(good[0], "bakery", delivered, (200,)),
        PlannedJob(bad[0], "bakery", bad[0].expected),
        PlannedJob(good[1], "florist", delivered, (500, 500, 200)),
        PlannedJob(good[2], "museum", delivered, (429, 200)),
        PlannedJob(good[3], "library", delivered, (None, 200)),
        PlannedJob(good[4], "cinema", delivered, (200,)),
        # Its API key is refused: it waits until somebody resumes its account.
        PlannedJob(good[0], REFUSED, delivered, (401, 200), account=REFUSED),
        # Three images in a row: only the last is uploaded.
        PlannedJob(good[5], "hotel", superseded),
        PlannedJob(good[0], "hotel", superseded),
        PlannedJob(good[1], "hotel", delivered, (200,)),
        # An icon beside the picture, and a picture that is taken away.
        PlannedJob(good[4], "bakery", delivered, (200,), asset=Asset.ICON),
        PlannedJob(None, "tavern", OutcomeCode.REMOVED, (200,)),
        PlannedJob(good[2], UNKNOWN_CHATBOT, OutcomeCode.CHATBOT_NOT_FOUND, (404,)),
    ]
    rest = [
        PlannedJob(
            each, f"shop-{number}", each.expected, (200,) if each.expected is delivered else ()
        )
        for number, each in enumerate([*good[6:], *bad[1:]], start=1)
    ]
    return story + rest


def deviations(
    jobs: Sequence[PlannedJob],
    records: Sequence[JobRecord],
    endpoint: EndpointProcess,
    images: Path,
) -> Iterator[str]:
    """What is not as planned, by the ledger and by the endpoint's own log, a sentence each.

    `records` are the ended jobs in the order of `jobs`, `images` the folder of the samples.
    """
    for job, record in zip(jobs, records, strict=True):
        if record.outcome is not job.outcome:
            yield (
                f"{job} should have ended as {job.outcome}, "
                f"but is {record.outcome or record.state}: {record.message}"
            )
    planned: defaultdict[_Place, list[int | None]] = defaultdict(list)
    received: defaultdict[_Place, list[int | None]] = defaultdict(list)
    for job in jobs:
        planned[job.chatbot_id, job.asset] += job.statuses
    for arrival in endpoint.arrivals():
        received[arrival.chatbot_id, arrival.asset].append(arrival.status)
    for place in sorted(planned | received, key=str):
        if planned[place] != received[place]:
            yield (
                f"the endpoint should have answered {planned[place]} to {_named(*place)}, "
                f"not {received[place]}"
            )
    if overlapped := endpoint.stats()["overlapped"]:
        yield f"{overlapped} uploads of a chatbot overlapped"
    newest = {(job.chatbot_id, job.asset): job.image for job in jobs if job.outcome.is_success}
    for job in {(each.chatbot_id, each.asset): each for each in jobs}.values():
        image = newest.get((job.chatbot_id, job.asset))
        found = endpoint.image(job.chatbot_id, job.asset.value)
        if found != (image and (images / image.name).read_bytes()):
            whose = _named(job.chatbot_id, job.asset)
            yield f"{whose} should have {image.name if image else 'no image'}"


def _named(chatbot_id: str | None, asset: str | None) -> str:
    return f"the icon of {chatbot_id}" if asset == Asset.ICON else str(chatbot_id)
