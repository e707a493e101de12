"""What the telephone's services take: `python -m bench.telephone [--cuts N] [--json]`.

Prints one JSON object: for each figure what is wanted and what was measured. A figure is a function
of bench/phone/ in the table below. Times are of this machine, threads of the store included.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from bench.phone.book import keys_and_search
from bench.phone.conference import conference
from bench.phone.delivery import deliveries
from bench.phone.power import power_cuts

Figure = dict[str, Any]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    arguments = parser.parse_args()
    figures: tuple[Callable[[], Figure], ...] = (
        keys_and_search,
        conference,
        deliveries,
        lambda: power_cuts(arguments.cuts, arguments.seed),
    )
    report: Figure = {}
    for figure in figures:
        report |= figure()
    print(json.dumps(report, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
