"""How much of libopus's decoder this machine has time for: asked and measured, once.

From 1.5 on a library may have been built with networks for lost frames (deep PLC, from complexity
5 on) and for low rates (LACE 6, NoLACE 7). Its version does not tell, and it takes any complexity
without a word, so time tells: a concealment that costs what it always did has no network.
Knows no clock: the caller says how long something takes. Until then the default counts.
Units: seconds of one call of the decoder, for a frame of 20 ms. Source: opus_defines.h of libopus
1.5; on a core of 2020 a first concealed frame takes 0.64 ms with a network, 0.015 ms without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from firmware.model import Frame

DEEP_CONCEALMENT, LACE, NOLACE = 5, 6, 7
DEFAULT = DEEP_CONCEALMENT
CONCEAL_MAX_S = 0.008  # less than what the earpiece has queued when it asks
DECODE_MAX_S = 0.001  # of each frame: a twentieth of the core
DEAR = 4.0  # so many times what it costs without: there is a network
ROUNDS = 7

SecondsOf = Callable[[Callable[[], object]], float]


class Decoder(Protocol):
    """What is measured."""

    has_complexity: bool

    def decode(self, payload: bytes) -> Frame:
        """A frame that came."""

    def conceal(self, samples: int) -> Frame:
        """One that did not."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """What was found."""

    complexity: int = DEFAULT  # for decoders from now on
    has_deep_concealment: bool = False  # is used, that is: there, and quick enough
    has_postfilter: bool = False  # LACE or NoLACE, the same
    decode_s: float = 0.0
    conceal_s: float = 0.0


_found = Fitness()


def complexity() -> int:
    """For a decoder that is made now."""
    return _found.complexity


def remember(found: Fitness) -> None:
    """From now on."""
    global _found  # of the machine, as the library is
    _found = found


def measure(
    make_decoder: Callable[[int], Decoder], voice: list[bytes], seconds_of: SecondsOf
) -> Fitness:
    """The best that there is time for; `make_decoder` takes a complexity, `voice` is payloads."""
    plain = make_decoder(0)
    plain_decode_s, plain_conceal_s = _times(plain, voice, seconds_of)
    best = Fitness(0, decode_s=plain_decode_s, conceal_s=plain_conceal_s)
    if not plain.has_complexity:
        return best
    for wanted in (DEEP_CONCEALMENT, LACE, NOLACE):
        decode_s, conceal_s = _times(make_decoder(wanted), voice, seconds_of)
        if decode_s > max(DECODE_MAX_S, plain_decode_s) or conceal_s > CONCEAL_MAX_S:
            break
        is_deep = conceal_s > DEAR * plain_conceal_s
        is_filtered = wanted > DEEP_CONCEALMENT and decode_s > 1.4 * plain_decode_s
        if is_deep or is_filtered:
            best = Fitness(wanted, is_deep, is_filtered, decode_s, conceal_s)
    return best


def _times(decoder: Decoder, voice: list[bytes], seconds_of: SecondsOf) -> tuple[float, float]:
    """Of a frame that came, and of the first one that did not: medians, when warm."""
    decodes, conceals = [], []
    for _ in range(ROUNDS):
        decodes += [seconds_of(partial(decoder.decode, payload)) for payload in voice]
        samples = len(decoder.decode(voice[-1]))
        conceals.append(seconds_of(partial(decoder.conceal, samples)))
    return float(np.median(decodes)), float(np.median(conceals[1:]))
