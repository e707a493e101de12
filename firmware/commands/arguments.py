"""What several commands ask for on the command line, and how they fail on it."""

from __future__ import annotations

import argparse
import logging

from firmware import number
from firmware.errors import MalformedError
from firmware.model import Endpoint


def endpoint(text: str) -> Endpoint:
    """ADDR:PORT with a numeric address."""
    try:
        return Endpoint.parse(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def host_and_port(text: str) -> str:
    """HOST:PORT, where HOST may be a name."""
    host, separator, port = text.rpartition(":")
    if not (host and separator and port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def telephone_number(text: str) -> str:
    """Twelve digits with a right check digit; spaces and hyphens between them are fine."""
    digits = text.replace(" ", "").replace("-", "")
    if not number.is_valid(digits):
        raise argparse.ArgumentTypeError(f"{text!r} is not a telephone number")
    return digits


def positive_seconds(text: str) -> float:
    """A time in seconds above zero."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time in seconds")
    return seconds


def add_verbosity(parser: argparse.ArgumentParser) -> None:
    """`-v` for what the telephone does, `-vv` for every fact and command (can be replayed)."""
    parser.add_argument(
        "-v", "--verbose", action="count", default=0, help="log more; twice: every fact"
    )


def set_up_logging(verbose: int) -> None:
    """Log to stderr; the default shows warnings and call states."""
    level = logging.DEBUG if verbose > 1 else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
