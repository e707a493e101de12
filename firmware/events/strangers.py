"""The part of the vocabulary that is about strangers: stamps of work, and names said first."""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core import Command, Fact

# --- stamps --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SearchStamp(Command):
    """Hash `question` with the numbers from `first` on, in a worker thread (call -> shell).

    At most `count` of them, until one gives `difficulty` zero bits. One hash with difficulty 0
    looks what a stamp is worth. The shell knows the cost (Argon2id, 1 MiB, t=1, p=1).
    """

    question: bytes
    difficulty: int
    first: int  # 64 bits, wraps
    count: int


@dataclass(frozen=True, slots=True)
class StampSearched(Fact):
    """Answers SearchStamp."""

    question: bytes
    first: int
    count: int
    number: int | None  # that gives the bits; None = none of these
    zero_bits: int = 0  # of `number`


@dataclass(frozen=True, slots=True)
class DemandStamp(Command):
    """The call shall not ring before its caller has worked so much for it (book -> call)."""

    call: int
    difficulty: int  # bits: 2**difficulty hashes on average


# --- names ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskName(Command):
    """The box shall answer by itself and ask who is there; nothing rings yet (book -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class RingForName(Command):
    """The name was said: let it ring (features -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class AcceptCall(Command):
    """Who has lifted and heard the name wants to talk (features -> call)."""

    call: int


@dataclass(frozen=True, slots=True)
class DismissCall(Command):
    """Nobody wants to talk with this caller, or it has said nothing (features -> call)."""

    call: int
    is_missed: bool = field(default=False)  # nobody has lifted
