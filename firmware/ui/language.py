"""The languages of the display: tables of English texts, translated by gettext.

A table is a dataclass of texts, of further tables, and of mappings to either; what it says in
English is the message that `locale/LANGUAGE.po` translates. tools/translations.py compiles that.
Source: GNU gettext manual, "The Format of PO Files" and "of GNU MO Files".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from typing import Any, TypeVar

T = TypeVar("T")


def in_language(table: T, language: str) -> T:
    """The table in `language`; a text without a translation stays English."""
    translated: T = _translated(table, _translations(language).gettext)
    return translated


def texts_of(table: Any) -> list[str]:
    """Every text of a table, in its order."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    _translated(table, note)
    return found


@cache
def _translations(language: str) -> NullTranslations:
    if language == "en":
        return NullTranslations()
    with (resources.files("firmware.ui") / "locale" / f"{language}.mo").open("rb") as file:
        return GNUTranslations(file)


def _translated(value: Any, translate: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return translate(value) if value else value
    if isinstance(value, Mapping):
        return {key: _translated(each, translate) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            each.name: _translated(getattr(value, each.name), translate) for each in fields(value)
        }
        return replace(value, **changed)
    return value
