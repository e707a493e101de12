"""The spoken prompts of the box: LANGUAGE.toml holds the texts, LANGUAGE/ the sounds.

Made by tools/prompts.py with espeak-ng from texts of our own. espeak-ng is under the GPL, which
does not extend to what a program says; texts and sounds have Fernruf's licence, Apache-2.0.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

GERMAN_COUNTRIES = frozenset({"AT", "CH", "DE"})
LANGUAGES = ("de", "en")


def language_of(country: str) -> str:
    """What the box speaks in a country (ISO 3166): German where it is understood, else English."""
    return "de" if country.upper() in GERMAN_COUNTRIES else "en"


@cache
def texts_of(language: str) -> Mapping[str, str]:
    """The text of each prompt, as it is shown."""
    return tomllib.loads((resources.files(__name__) / f"{language}.toml").read_text("utf-8"))


@cache
def sound_of(language: str, name: str) -> bytes:
    """The recording of a prompt (codec/recording.py)."""
    return (resources.files(__name__) / language / f"{name}.rec").read_bytes()
