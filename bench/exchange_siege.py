"""Hostile datagrams at one exchange: does it live, does it grow, does a call through it go on?

`python -m bench.exchange_siege [--datagrams N] [--seed S]` prints one JSON object; the claim is
about 10,000,000. They are noise, mutated and well-formed frames, forged registrations, calls and
questions (tests/overlay/exchange/siege.py), 30 % with the addresses of 16 victims; a thousand come
in each second of virtual time. `bytes_to_victims_per_byte_from_them` is the amplification; memory
is that of the process, generator included.
"""

from __future__ import annotations

import json

from bench.siege import arguments_of, besieged
from tests.overlay.exchange.siege import Siege


def main() -> int:
    """Print the figures; 1 if the call was cut, or victims got more than came from them."""
    arguments = arguments_of(__doc__)
    siege = Siege(arguments.seed)
    cost = besieged(siege, arguments.datagrams)
    amplification = siege.to_victims.total() / siege.from_victims.total()
    helping = siege.exchange.helping()
    report = {
        "seed": arguments.seed,
        **cost,
        "bytes_to_victims_per_byte_from_them": round(amplification, 3),
        "call_datagrams_said": siege.said,
        "call_datagrams_heard": siege.heard,
        "registrations": helping.registrations,
        "channels": helping.channels,
        "counters": dict(
            sorted((siege.exchange.counters + siege.exchange.channels.counters).items())
        ),
    }
    print(json.dumps(report, indent=1))
    return 0 if siege.heard == siege.said and amplification <= 1.0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
