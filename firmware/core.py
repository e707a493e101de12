"""What a core is, and what it takes and gives: facts and commands.

The vocabulary itself is the package events, which is where everybody imports these from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """Root of facts and commands."""


@dataclass(frozen=True, slots=True)
class Fact(Message):
    """Something that happened."""


@dataclass(frozen=True, slots=True)
class Command(Message):
    """Something that shall happen."""


class Core(Protocol):
    """A value in time: no input or output, clock, dice or log (design rule of the whole tree)."""

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take one fact, or a command this core serves; return what follows from it."""

    def on_time(self, now_s: float) -> list[Message]:
        """Do what is due; harmless when nothing is."""

    def deadline_s(self) -> float | None:
        """When on_time() must be called next, monotonic; None = never."""


class Untimed:
    """The two other methods of a core for which nothing is ever due."""

    def on_time(self, now_s: float) -> list[Message]:
        """Nothing."""
        del now_s
        return []

    def deadline_s(self) -> float | None:
        """Never."""
        return None
