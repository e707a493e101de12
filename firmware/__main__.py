"""The command line: which command, and what its exit code says.

0 = done, 1 = it did not work (one line on stderr), 2 = wrong use or configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from firmware.commands import box, ctl, demo, exchange, first_start, lookup, number, sim
from firmware.errors import ConfigError, FirmwareError

COMMANDS = (demo, box, ctl, exchange, number, lookup, sim, first_start)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="fernruf", description="A telephone with no exchange: lift, dial twelve digits, talk."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    arguments = parser.parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except ConfigError as error:
        sys.stderr.write(f"fernruf: {error}\n")
        return 2
    except FirmwareError as error:
        sys.stderr.write(f"fernruf: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
