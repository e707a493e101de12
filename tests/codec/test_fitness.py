"""Which complexity of libopus's decoder a machine gets: libraries and cores of all kinds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from firmware.codec import fitness
from firmware.codec.fitness import Fitness, measure
from firmware.codec.opus import OpusDecoder, is_available, measure_fitness
from firmware.model import FRAME_SAMPLES, Frame

VOICE = [b"one", b"two"]
PLAIN_S = (24e-6, 16e-6)  # of decoding and concealing, libopus 1.5.2 on an EPYC core
FULL_S = {0: PLAIN_S, 5: (24e-6, 640e-6), 6: (44e-6, 640e-6), 7: (103e-6, 640e-6)}


class Machine:
    """A core so many times slower, and a library."""

    def __init__(
        self, costs_s: dict[int, tuple[float, float]], slower: float, *, has_complexity: bool = True
    ) -> None:
        self.now_s = 0.0
        self.costs_s, self.slower, self.has_complexity = costs_s, slower, has_complexity

    def decoder(self, complexity: int) -> HandDecoder:
        return HandDecoder(self, complexity)

    def seconds_of(self, work: Callable[[], object]) -> float:
        before_s = self.now_s
        work()
        return self.now_s - before_s

    def found(self) -> Fitness:
        return measure(self.decoder, VOICE, self.seconds_of)


class HandDecoder:
    """Takes the time it is told to take; ten times as long at first."""

    def __init__(self, machine: Machine, complexity: int) -> None:
        self.has_complexity = machine.has_complexity
        self._machine, self._complexity, self._is_cold = machine, complexity, True

    def decode(self, payload: bytes) -> Frame:
        assert payload in VOICE
        return self._take(0)

    def conceal(self, samples: int) -> Frame:
        frame = self._take(1, 10.0 if self._is_cold else 1.0)
        self._is_cold = False
        return frame[:samples]

    def _take(self, which: int, times: float = 1.0) -> Frame:
        costs_s = self._machine.costs_s
        cost_s = costs_s.get(self._complexity, costs_s[0])[which]
        self._machine.now_s += times * self._machine.slower * cost_s
        return np.zeros(FRAME_SAMPLES, dtype=np.int16)


def test_quick_core_with_all_networks_uses_all_of_them() -> None:
    found = Machine(FULL_S, 1.0).found()
    assert found.complexity == fitness.NOLACE
    assert found.has_deep_concealment and found.has_postfilter


def test_small_core_conceals_by_network_and_leaves_out_the_dear_filter() -> None:
    found = Machine(FULL_S, 10.0).found()  # a Pi Zero 2 W
    assert found.complexity == fitness.LACE
    assert found.has_deep_concealment and found.conceal_s == pytest.approx(0.0064)


def test_slow_core_conceals_as_ever() -> None:
    found = Machine(FULL_S, 20.0).found()
    assert (found.complexity, found.has_deep_concealment) == (0, False)


def test_library_that_takes_any_complexity_but_has_no_network_gets_none() -> None:
    found = Machine({0: PLAIN_S}, 1.0).found()
    assert (found.complexity, found.has_deep_concealment, found.has_postfilter) == (0, False, False)


def test_library_with_concealment_alone_gets_its_complexity() -> None:
    costs_s = {0: PLAIN_S} | dict.fromkeys((5, 6, 7), FULL_S[5])
    found = Machine(costs_s, 1.0).found()
    assert found.has_deep_concealment and not found.has_postfilter


def test_library_before_1_5_is_not_measured_for_what_it_has_not() -> None:
    assert Machine(FULL_S, 1.0, has_complexity=False).found().complexity == 0


@pytest.fixture
def as_before() -> Iterator[None]:
    """What is measured here counts here."""
    yield
    fitness.remember(Fitness())


@pytest.mark.usefixtures("as_before")
@pytest.mark.skipif(not is_available(), reason="no libopus")
def test_library_of_this_machine_is_measured_and_its_decoders_do_so() -> None:
    def seconds_of(work: Callable[[], object]) -> float:
        before_s = time.thread_time()
        work()
        return time.thread_time() - before_s

    found = measure_fitness(seconds_of)
    assert fitness.complexity() == found.complexity and 0 < found.decode_s < 1
    decoder = OpusDecoder()
    assert decoder.has_complexity or found.complexity == 0
    assert len(decoder.conceal(FRAME_SAMPLES)) == FRAME_SAMPLES
