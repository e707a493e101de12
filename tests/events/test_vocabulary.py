"""The vocabulary as a whole: each fact and command is understood, unchangeable and named once."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections import Counter

from firmware import events
from firmware.core import Command, Fact, Message
from firmware.routes import DATAGRAM_ROUTES, ROUTES, WORLD

MODULES = [
    events,
    *(
        importlib.import_module(f"{events.__name__}.{module.name}")
        for module in pkgutil.iter_modules(events.__path__)
    ),
]


def vocabulary() -> list[type[Message]]:
    """Every fact and command, each from the module that defines it."""
    return [
        one
        for module in MODULES
        for one in vars(module).values()
        if inspect.isclass(one)
        and issubclass(one, Fact | Command)
        and one.__module__ == module.__name__
    ]


def test_every_fact_and_command_is_heard_by_a_core_or_by_the_shell() -> None:
    by_protocol = {events.DatagramReceived} if DATAGRAM_ROUTES else set()
    unheard = set(vocabulary()) - set(ROUTES) - set(WORLD) - by_protocol
    assert not unheard


def test_only_what_the_vocabulary_has_is_routed_to_the_shell() -> None:
    assert set(vocabulary()) >= set(WORLD)


def test_what_was_said_cannot_be_changed() -> None:
    for one in vocabulary():
        assert dataclasses.is_dataclass(one), one
        name = next((field.name for field in dataclasses.fields(one)), "anything")
        assert "__setattr__" in vars(one), f"{one.__name__}.{name} can be changed"


def test_no_name_is_used_for_two_things() -> None:
    names = Counter(one.__name__ for one in vocabulary())
    assert [name for name, times in names.items() if times > 1] == []


def test_every_message_says_what_it_means() -> None:
    assert [one.__name__ for one in vocabulary() if not inspect.getdoc(one)] == []
