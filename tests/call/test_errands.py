"""Word to other boxes, beside the calls of the handset: so much at the same time, and no more."""

from __future__ import annotations

import pytest

from firmware import events
from firmware.call.errands import ERRANDS_MAX
from firmware.events.services import MissedTold, TellMissed
from tests.call.link import UTC_S, Link


@pytest.mark.parametrize("wanted", [ERRANDS_MAX, ERRANDS_MAX + 1])
def test_one_errand_more_than_may_be_comes_later_and_there_is_room_when_one_is_done(
    wanted: int,
) -> None:
    link = Link()
    anna = link.add("Anna")
    numbers = [f"47110815123{i}" for i in range(wanted)]  # nobody has them
    for number in numbers:
        link.tell(anna, TellMissed(number, int(UTC_S)))
    asked = [one.number for one in anna.said if isinstance(one, events.ResolveNumber)]
    assert asked == numbers[:ERRANDS_MAX]
    later = [MissedTold(number, is_told=False) for number in numbers[ERRANDS_MAX:]]
    assert [one for one in anna.said if isinstance(one, MissedTold)] == later
    link.run(1.0)  # none of them is found
    told = [one for one in anna.said if isinstance(one, MissedTold)]
    assert sorted(one.number for one in told) == numbers
    link.tell(anna, TellMissed(numbers[-1], int(UTC_S)))
    assert isinstance(anna.said[-1], events.ResolveNumber)
