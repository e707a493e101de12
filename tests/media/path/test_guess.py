from __future__ import annotations

import pytest

from firmware.media.path.guess import BURST, BURST_S, GUESSES_MAX, GuessQueue, guesses
from firmware.model import PORT_STEP_RANDOM, Candidate, CandidateKind, Endpoint

HOST = "198.51.100.1"


def observed(port: int, step: int) -> Candidate:
    return Candidate(Endpoint(HOST, port), CandidateKind.OBSERVED, step)


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (3, 5), (20, 11), (16, 31)])
@pytest.mark.parametrize("step", [1, 2])
def test_two_routers_that_count_meet_whatever_moved_them_before(
    moved: tuple[int, int], step: int
) -> None:
    """Anna's check k leaves from her base + moved + k; likewise Bert's."""
    bases = 20_000, 30_000
    aims = [
        [one.port for one in guesses(observed(base, step), own_step=step, is_caller=is_caller)]
        for base, is_caller in ((bases[1], True), (bases[0], False))
    ]
    flows = [
        {(bases[side] + (moved[side] + k) * step, aim) for k, aim in enumerate(aims[side], 1)}
        for side in (0, 1)
    ]
    assert flows[0] & {(aim, port) for port, aim in flows[1]}


def test_router_that_keeps_its_port_finds_one_that_counts() -> None:
    ports = [one.port for one in guesses(observed(20_000, 2), own_step=0, is_caller=True)]
    assert len(ports) == len(set(ports)) == GUESSES_MAX
    assert ports[:3] == [20_002, 20_004, 20_006] and 19_998 in ports


@pytest.mark.parametrize(
    ("step", "own_step"), [(0, 0), (PORT_STEP_RANDOM, 0), (2, PORT_STEP_RANDOM)]
)
def test_nothing_is_guessed_where_nobody_can_tell(step: int, own_step: int) -> None:
    assert guesses(observed(20_000, step), own_step=own_step, is_caller=True) == []


def test_ports_beyond_the_last_one_are_not_guessed() -> None:
    ports = [one.port for one in guesses(observed(65_530, 2), own_step=2, is_caller=False)]
    assert ports == [65_532, 65_534]


def test_guesses_leave_in_bursts_and_twice() -> None:
    queue = GuessQueue()
    queue.add([Endpoint(HOST, port) for port in range(1, 21)], now_s=10.0)
    assert len(queue.pop(10.0)) == BURST
    assert queue.deadline_s() == 10.0 + BURST_S
    assert len(queue.pop(11.0)) == 2 * 20 - BURST
    assert queue.deadline_s() is None
