"""`fernruf card`: the card of codes and keys beside the telephone, as a page to be printed."""

from __future__ import annotations

import argparse
import sys

from firmware.codes import plan_of
from firmware.config import COUNTRIES
from firmware.ui.code_card import card
from firmware.ui.code_card_texts import CARDS
from firmware.ui.prompts import language_of


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "card",
        help="print the card of codes beside the telephone",
        description="Print the card of codes and keys, an HTML page for a sheet of A5.",
    )
    parser.add_argument(
        "--country",
        type=str.upper,
        choices=sorted(COUNTRIES),
        default="DE",
        metavar="CC",
        help="whose codes: two letters, such as US; default: DE",
    )
    parser.add_argument("--language", choices=sorted(CARDS), help="default: the country's")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write HTML to the standard output."""
    language = arguments.language or language_of(arguments.country)
    sys.stdout.write(card(plan_of(arguments.country), language))
    return 0
