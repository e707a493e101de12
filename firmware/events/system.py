"""Facts about the machine around the telephone: what an update, the card or the network has to say.

A part of the one vocabulary (__init__.py). Units: characters.
"""

from __future__ import annotations

from dataclasses import dataclass

from firmware.core import Fact

NOTICES_MAX = 4
TITLE_CHARACTERS_MAX = 13
BODY_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person at the telephone should read; it stays until the cause is gone."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class NoticesChanged(Fact):
    """All notices that stand now, at most NOTICES_MAX."""

    notices: tuple[Notice, ...]
