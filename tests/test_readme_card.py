"""The card beside the telephone (README, "Codes and keys") tells the codes that there are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from firmware.call.dialplan import TEST_NUMBERS
from firmware.codes import Action, CodePlan, plan_of
from firmware.model import CallState
from firmware.ui.prompts import texts_of
from tests.book.numbers import valid_numbers
from tests.scenarios.test_calls import two_phones
from tests.world import heard_since

README = Path(__file__).parent.parent / "README.md"
NUMBER = next(iter(valid_numbers()))
COLUMNS = {"DE": 1, "FR": 1, "US": 2}
KEYS = re.compile(r"`([0-9*#]+(?:NUMBER)?[0-9*#]*)`")
NOT_CODES = {"2", "8", "#", "*", *TEST_NUMBERS}  # keys of the menu; test numbers


def card() -> list[list[str]]:
    """The rows of the table of codes."""
    text = README.read_text(encoding="utf-8").split("## Codes and keys")[1]
    table = text.split("\n\n")[2].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def dialled(country: str) -> set[str]:
    """What the card tells to dial in a country; `the same` is as in Europe."""
    found = set()
    for row in card():
        cell = row[COLUMNS[country]]
        keys = KEYS.findall(row[1] if cell == "the same" else cell)
        found |= {key.replace("NUMBER", NUMBER) for key in keys if key not in NOT_CODES}
    return found


def is_prefix(plan: CodePlan, keys: str) -> bool:
    """It goes before a number."""
    is_relayed, number = plan.split(keys)
    return is_relayed and number == NUMBER


@pytest.mark.parametrize("country", COLUMNS)
def test_each_code_on_the_card_is_one(country: str) -> None:
    plan = plan_of(country)
    for keys in dialled(country):
        assert plan.order(keys) is not None or is_prefix(plan, keys), keys


@pytest.mark.parametrize("country", COLUMNS)
def test_each_code_is_on_the_card(country: str) -> None:
    """Of asking (`*#26#`) one example stands for all."""
    plan = plan_of(country)
    orders = [plan.order(keys) for keys in dialled(country)]
    told = {(order.service, order.action) for order in orders if order is not None}
    asked = {action for _, action in told}
    assert Action.ASK in asked
    wanted = {(code.service, code.action) for code in plan.codes if code.action is not Action.ASK}
    assert wanted - told == set()


SAID = {  # where it is not the service and what was done
    "##": "nothing_dialled",
    "*69": "nobody_called",
    "*#26#": "do_not_disturb_off",
    "#85#": "strangers_rings",
    "*85*1#": "strangers_name",
    "*85*2#": "strangers_stamp",
    "*85*3#": "strangers_silent",
    "*85*4#": "strangers_refused",
    "*97": "greeting_record",
    "*98": "messages_none",
}
DIALS = "7#"  # which was set before


def test_each_code_of_the_card_is_said_and_shown_by_a_telephone_on_which_it_is_dialled() -> None:
    world, anna, bert = two_phones()
    for keys in sorted(dialled("DE") - {DIALS}):
        order = plan_of("DE").order(keys.replace(NUMBER, bert.number))
        if order is None:
            continue  # a prefix
        world.lift(anna)
        world.dial(anna, keys.replace(NUMBER, bert.number))
        assert anna.view.state is CallState.CONNECTED, world.story(keys)
        world.run(0.5)  # on the card by now, and being said
        shown = " ".join(anna.phone.status().picture.lines)
        word = SAID.get(keys, f"{order.service}_{order.action}")
        assert texts_of("de")[word] in shown, world.story(keys)
        began_s = world.now_s - 0.2
        assert np.concatenate(heard_since(anna, began_s)).any(), "and heard"
        world.replace(anna)
        world.run(0.1)
    world.lift(anna)
    world.dial(anna, DIALS)
    assert anna.view.digits == bert.number, "speed dial"


ELSEWHERE = {"GB": ("1471", "1571", "*227#"), "AU": ("*24*",)}


@pytest.mark.parametrize("country", ELSEWHERE)
def test_what_differs_elsewhere_is_told_below_the_card(country: str) -> None:
    text = README.read_text(encoding="utf-8").split("## Codes and keys")[1].split("\n## ")[0]
    for keys in ELSEWHERE[country]:
        assert keys in text
        whole = keys + NUMBER + "#" if keys.endswith("*") else keys
        assert plan_of(country).order(whole) is not None
