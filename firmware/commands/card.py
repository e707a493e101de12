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
    parser = subparsers.add_parser("card", help="print the card of codes beside the telephone")
    parser.add_argument(
        "--country",
        type=str.upper,
        choices=sorted(COUNTRIES),
        default="DE",
        metavar="CC",
        help="ISO 3166, such as DE or US",
    )
    parser.add_argument("--language", choices=sorted(CARDS), help="of the country if not given")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write HTML to the standard output."""
    language = arguments.language or language_of(arguments.country)
    sys.stdout.write(card(plan_of(arguments.country), language))
    return 0
