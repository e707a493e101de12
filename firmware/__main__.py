"""The command line: which command, and what its exit code says.

0 = done, 1 = it did not work (one line on stderr), 2 = wrong use or configuration.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from firmware.errors import ConfigError, FirmwareError
from firmware.shell.memory import be_thrifty

# Modules of firmware.commands. Only the one that is wanted is imported: a telephone needs neither
# the time nor the memory of the simulation.
COMMANDS = (
    "demo", "soft", "box", "ctl", "number", "lookup", "book", "card", "wiring", "exchange", "sim",
    "update", "first_start", "access_point", "set_clock",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    be_thrifty()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: its threads only cost
    wanted = (sys.argv[1:] if argv is None else argv)[:1]
    parser = argparse.ArgumentParser(
        prog="fernruf",
        description="A telephone with no exchange: lift, dial twelve digits, talk.",
        epilog="`fernruf COMMAND --help` says more. Every command ends with 0 (done), 1 (it did "
        "not work: one line says why) or 2 (wrong use, or a mistake in a file of yours).",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    names = [name for name in COMMANDS if [name.replace("_", "-")] == [*wanted]]
    gc.disable()  # what an import makes lives on: looking through it is a tenth of the start
    for name in names or COMMANDS:
        importlib.import_module(f"firmware.commands.{name}").add_parser(subparsers)
    gc.enable()
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
