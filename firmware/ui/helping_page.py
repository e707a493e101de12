"""The page "helping others": what this box does as an exchange, and how much of its limits that is.

A pure function from figures to a page; knows no font and no clock. The menu asks for it
(menu/helping.py). Units: `_bytes` bytes of UDP payload.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.events.network import HelpingFigures
from firmware.ui.pages import Page


@dataclass(frozen=True, slots=True)
class HelpingTexts:
    """The texts of one language, a part of the menu's; a row has at most 21 characters."""

    title: str
    phones: str
    calls: str
    carried: str
    limit: str
    resting: str  # in place of the limit
    never: str  # helping is switched off


ENGLISH = HelpingTexts(
    title="Helping others",
    phones="phones {} of {}",
    calls="calls {} of {}",
    carried="carried {}",
    limit="at most {}/s",
    resting="not reachable: rests",
    never="This phone helps no others.",
)


def helping_page(figures: HelpingFigures | None, texts: HelpingTexts = ENGLISH) -> Page:
    """The page; `figures` is None where helping is switched off."""
    if figures is None:
        return Page(title=texts.title, body=texts.never)
    limit = texts.limit.format(size_text(figures.limit_bytes_per_s))
    return Page(
        title=texts.title,
        rows=(
            texts.phones.format(figures.phones, figures.phones_max),
            texts.calls.format(figures.calls, figures.calls_max),
            texts.carried.format(size_text(figures.carried_bytes)),
            limit if figures.is_serving else texts.resting,
        ),
    )


def size_text(size_bytes: int) -> str:
    """A size in kB, MB, GB or TB, of which each is 1000 of the one before."""
    size = size_bytes / 1000
    for unit in ("kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if size >= 99.95 or unit == "kB" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.0f} TB"
