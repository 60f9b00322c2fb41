"""Healing: from any state on, time and healthy workers end every job.

The healing step of a state is one of its own steps, so a search takes it anyway and notes where it
leads; `lead_nowhere` then judges all states at once. `follow` takes the steps here and now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facelift.codes import OutcomeCode
from tests.explore.digest import digest
from tests.explore.passing import is_due, messages, next_moment
from tests.explore.promises import NOTHING_LOST, Broken, is_ended, records
from tests.explore.state import Act, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.explore.state import Run, State
    from tests.explore.world import World

_GOES_WELL = "From here on nothing goes wrong any more."


def healing_act(state: State) -> Act | None:
    """The step of a state when nothing goes wrong; None if all is over.

    Workers that stand still are replaced, the others go on; every request is answered with 200.
    What may still arrive does so as late as it can.

    Raises:
        Broken: nothing is to come, and a job has not ended.
    """
    for worker, run in enumerate(state.runs):
        if run:
            return _of_worker(worker, run)
    if messages(state) or is_due(state):
        return Act("take", 0) if messages(state) else Act("schedule")
    until = next_moment(state)
    for index, each in enumerate(state.late):
        if until is not None and each.until <= until:
            return Act("arrive", what=str(index))
    is_over = all(is_ended(each) for each in records(state.redis.values).values())
    if is_over and not state.late:
        return None
    if until is None:
        raise Broken(NOTHING_LOST, f"Nothing is to come, and {_pending(state)}.")
    return Act("pass_time")


def _of_worker(worker: int, run: Run) -> Act:
    if run.is_frozen:
        return Act("kill", worker, is_lost=True)
    if run.step is Step.ANSWER:
        return Act("answer", worker, OutcomeCode.DELIVERED)
    return Act(run.step, worker)


class Healing:
    """Knows from which states all ends.

    Args:
        world: of the states.

    Attributes:
        steps: taken by `follow`.
    """

    def __init__(self, world: World) -> None:
        self.steps = 0
        self._world = world
        self._leads_to: dict[int, int] = {}
        self._ends_well: set[int] = set()

    def note(self, number: int, reached: int) -> None:
        """The healing step of one state leads to another."""
        self._leads_to[number] = reached

    def note_end(self, state: State, number: int) -> None:
        """All is over in a state.

        Raises:
            Broken: it does not look like that.
        """
        self._world.check_end(state)
        self._ends_well.add(number)

    def follow(self, state: State) -> None:
        """Take the healing steps of a state until all is over, or certain to end.

        Raises:
            Broken: it does not end, or not well. Its note says what happened.
        """
        said, passed = [_GOES_WELL], set[int]()
        try:
            while (number := digest(state)) not in self._ends_well:
                if number in passed:
                    _never_ends(state)
                passed.add(number)
                act = healing_act(state)
                if act is None:
                    self.note_end(state, number)
                    break
                self.steps += 1
                state = self._world.step(state, act)
                said.append(self._world.said)
        except Broken as broken:
            if self._world.said != said[-1]:
                said.append(self._world.said)
            broken.add_note("\n".join(said))
            raise
        self._ends_well |= passed

    def lead_nowhere(self, numbers: Iterable[int]) -> Iterator[int]:
        """Those among the noted states from which it is not certain that all ends."""
        for number in numbers:
            passed, at = set[int](), number
            while at not in self._ends_well and at not in passed and at in self._leads_to:
                passed.add(at)
                at = self._leads_to[at]
            if at in self._ends_well:
                self._ends_well |= passed
            else:
                yield number


def _never_ends(state: State) -> None:
    raise Broken(NOTHING_LOST, f"This goes on for ever; {_pending(state)}.")


def _pending(state: State) -> str:
    pending = [
        f"job {job} is {record.get('state')}"
        for job, record in records(state.redis.values).items()
        if not is_ended(record)
    ]
    return " and ".join(pending)
