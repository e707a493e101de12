"""The trial of a USB phone: what is wrong with it is named, by what its driver tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firmware.drivers.trial import KEYS, Trial
from tests.drivers.test_usb_phone import Bench

WAIT_S = 1.0  # for a contact that is dead


class Owner:
    """A person with a USB phone, one of whose contacts may be wrong."""

    def __init__(self, bench: Bench, wrong: dict[str, str], *, inverted: bool = False) -> None:
        self.said: list[str] = []
        self._is_plugged = False
        self._bench, self._wrong, self._inverted = bench, wrong, inverted

    def say(self, text: str) -> None:
        self.said.append(text)

    def do(self, task: str, key: str = "") -> None:
        if not self._is_plugged:
            self._is_plugged = True
            self._bench.plugged.get(timeout=10.0)
        lifted = not self._inverted
        told = self._wrong.get(key or task, key or task)
        if told == "unplug":
            self._bench.unplug()
        elif told in ("lift", "replace"):
            self._bench.report(lifted=(told == "lift") == lifted)
        elif task == "hold" and told:
            self._bench.report(lifted=lifted, key=told)
        elif task == "release":
            self._bench.report(lifted=lifted)

    def sees(self, question: str) -> bool:
        self.said.append(question)
        return "bell" not in self._wrong


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(is_open=False)
    yield bench
    bench.pull()


@pytest.mark.parametrize(
    ("wrong", "faults"),
    [
        ({}, []),
        ({"5": ""}, ["keypad: key 5 is dead"]),
        ({"4": "6", "6": "4"}, ["keypad: key 4 is told as 6", "keypad: key 6 is told as 4"]),
        (dict.fromkeys(KEYS, ""), ["keypad: no key is told"]),
        ({"bell": ""}, ["bell: no ring"]),
        ({"2": "unplug"}, ["usb phone: "]),  # and the words of the system
    ],
)
def test_trial_names_what_is_wrong(bench: Bench, wrong: dict[str, str], faults: list[str]) -> None:
    found = Trial(bench.phone, Owner(bench, wrong), WAIT_S).run()
    assert len(found) == len(faults), found
    assert all(one.startswith(wanted) for one, wanted in zip(found, faults, strict=True)), found


def test_trial_names_an_inverted_hook(bench: Bench) -> None:
    faults = Trial(bench.phone, Owner(bench, {}, inverted=True), WAIT_S).run()
    assert "hook: inverted" in faults
