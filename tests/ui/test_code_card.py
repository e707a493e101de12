"""The printed card of codes tells the codes that there are, in each country and language."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from firmware.call.dialplan import TEST_NUMBERS
from firmware.codes import Action, plan_of
from firmware.ui.code_card import card, rows
from firmware.ui.code_card_texts import CARDS
from tests.book.numbers import valid_numbers

NUMBER = next(iter(valid_numbers()))
COUNTRIES = ("DE", "US", "GB", "AU", "FR")
A5_LINES_MAX = 36  # of the two tables together, in the size of the card


class Words(HTMLParser):
    """What stands in the cells of the tables."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


@pytest.mark.parametrize("language", CARDS)
@pytest.mark.parametrize("country", COUNTRIES)
def test_each_code_of_the_country_is_on_the_card_and_each_on_the_card_is_one(
    country: str, language: str
) -> None:
    plan, texts = plan_of(country), CARDS[language]
    told = set()
    for row in rows(plan, texts):
        for keys in row.keys:
            dialled = keys.replace(texts.number, NUMBER)
            order = plan.order(dialled)
            if order is not None:
                told.add((order.service, order.action))
            else:
                is_prefix = plan.split(dialled) == (True, NUMBER)
                assert is_prefix or keys.removesuffix("#") in TEST_NUMBERS, keys
    wanted = {(code.service, code.action) for code in plan.codes if code.action is not Action.ASK}
    assert wanted - told == set()


@pytest.mark.parametrize("language", CARDS)
def test_card_is_a_page_that_fits_on_its_sheet_and_warns_first(language: str) -> None:
    page = card(plan_of("GB"), language)
    words = Words()
    words.feed(page)
    assert "1471" in words.found and "*#26#" in words.found
    texts = CARDS[language]
    assert page.index(texts.emergency) < page.index(texts.codes)
    assert page.count("<tr>") <= A5_LINES_MAX


def test_both_languages_name_the_same_services_in_the_same_order() -> None:
    english, german = CARDS["en"], CARDS["de"]
    assert list(english.services) == list(german.services)
    assert [key.replace("F", "R") for key, _ in english.keys] == [key for key, _ in german.keys]
