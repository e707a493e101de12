"""Hostile input for decoders: truncations, flipped bits and plain noise, from a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Callable

from firmware.errors import MalformedError


def survives(decode: Callable[[bytes], object], samples: list[bytes], seed: int) -> None:
    """Assert that `decode` raises MalformedError and nothing else, whatever it is given."""
    source = random.Random(seed)
    for data in _hostile(samples, source):
        try:
            decode(data)
        except MalformedError:
            pass
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {data!r} raised {error!r}") from error


def _hostile(samples: list[bytes], source: random.Random) -> list[bytes]:
    result = [sample[:length] for sample in samples for length in range(len(sample))]
    for _ in range(1500):
        result.append(source.randbytes(source.randrange(200)))
        result.append(bytes(source.choice(b"dlie0123456789:-atqry") for _ in range(40)))
        changed = bytearray(source.choice(samples))
        for _ in range(source.randrange(1, 4)):
            changed[source.randrange(len(changed))] = source.choice(b"dlie0129:\x00\xff-")
        result.append(bytes(changed))
    return result
