"""What several commands ask for on the command line, and how they fail on it."""

from __future__ import annotations

import argparse
import logging

from firmware import number
from firmware.errors import MalformedError
from firmware.model import Endpoint

PORT_MAX = 65_535
PORT_DIGITS_MAX = 5
SEED_DIGITS_MAX = 18  # fits 64 bits
SECONDS_MAX = 1e6


def endpoint(text: str) -> Endpoint:
    """ADDR:PORT with a numeric address."""
    try:
        return Endpoint.parse(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def host_and_port(text: str) -> str:
    """HOST:PORT, where HOST may be a name."""
    host, separator, port = text.rpartition(":")
    if not (host and separator and port.isascii() and port.isdigit() and 0 < int(port) <= PORT_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def telephone_number(text: str) -> str:
    """Twelve digits with a right check digit; spaces and hyphens between them are fine."""
    digits = text.replace(" ", "").replace("-", "")
    if not number.is_valid(digits):
        raise argparse.ArgumentTypeError(f"{text!r} is not a telephone number")
    return digits


def port_number(text: str) -> int:
    """Of TCP or UDP; 0 = any that is free."""
    if not (
        text.isascii() and text.isdigit() and len(text) <= PORT_DIGITS_MAX and int(text) <= PORT_MAX
    ):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to {PORT_MAX}")
    return int(text)


def seed_number(text: str) -> int:
    """Of everything that is chance: the same seed, the same story."""
    if not (text.isascii() and text.isdigit() and len(text) <= SEED_DIGITS_MAX):
        raise argparse.ArgumentTypeError(f"{text!r} is not a seed: a whole number from 0")
    return int(text)


def positive_seconds(text: str) -> float:
    """A time in seconds above zero."""
    if (time_s := seconds(text)) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return time_s


def seconds(text: str) -> float:
    """A time in seconds; 0 = at once."""
    try:
        time_s = float(text)
    except ValueError:
        time_s = -1.0
    if not 0 <= time_s < SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return time_s


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """`-v` for what the telephone does, `-vv` for every fact and command (can be replayed)."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="log more; -vv: everything that happens",
    )


def set_up_logging(verbose: int) -> None:
    """Log to stderr; the default shows warnings and call states."""
    level = logging.DEBUG if verbose > 1 else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
