"""Search by letters: which names the keys spell, in which order, and as quickly as promised."""

from __future__ import annotations

import random

import pytest

from firmware.book.letters import Letters, spellings
from firmware.events.book import Contact
from tests.book.numbers import valid_numbers

NAMES = ["Anna Groß", "Jürgen Müller-Lüdenscheidt", "Bert", "Øyvind Ås", "Anna-Lena Meier"]


def book(names: list[str]) -> Letters:
    return Letters(Contact(each, name) for each, name in zip(valid_numbers(), names, strict=False))


def found(letters: Letters, keys: str) -> list[str]:
    total, contacts = letters.search(keys, 0, 16)
    assert total == len(contacts)
    return [contact.name for contact in contacts]


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ("2", ["Anna Groß", "Anna-Lena Meier", "Bert", "Øyvind Ås"]),  # Ås is an A, too
        ("266", ["Anna Groß", "Anna-Lena Meier"]),
        ("2662047677", ["Anna Groß"]),  # anna gross
        ("26624767", ["Anna Groß"]),  # without the space
        ("587436", ["Jürgen Müller-Lüdenscheidt"]),
        ("5837436", ["Jürgen Müller-Lüdenscheidt"]),  # Juergen
        ("58336", ["Jürgen Müller-Lüdenscheidt"]),  # Luedenscheidt
        ("69846", ["Øyvind Ås"]),
        ("63439", []),
        ("634", ["Anna-Lena Meier"]),
        ("1", []),
    ],
)
def test_keys_spell_the_beginning_of_a_word(keys: str, names: list[str]) -> None:
    assert found(book(NAMES), keys) == names


def test_no_keys_find_the_whole_book_favourites_first_then_by_name() -> None:
    letters = book(NAMES)
    numbers = valid_numbers()
    letters.put(Contact(next(numbers), "Zoe", is_favourite=True))  # in the place of Anna Groß
    assert found(letters, "") == [
        "Zoe",
        "Anna-Lena Meier",
        "Bert",
        "Jürgen Müller-Lüdenscheidt",
        "Øyvind Ås",
    ]


def test_pages_follow_each_other_without_a_gap() -> None:
    letters = book([f"Anna {i:03}" for i in range(50)])
    names = [
        contact.name for first in range(0, 60, 7) for contact in letters.search("26", first, 7)[1]
    ]
    assert names == [f"Anna {i:03}" for i in range(50)]


def test_book_that_changes_finds_what_a_new_one_would() -> None:
    seed = 11
    dice = random.Random(seed)
    numbers = [number for number, _ in zip(valid_numbers(), range(40), strict=False)]
    changing, kept = Letters(), dict[str, Contact]()
    for _ in range(400):
        number = dice.choice(numbers)
        if dice.random() < 0.3:
            changing.remove(number)
            kept.pop(number, None)
        else:
            contact = Contact(number, dice.choice(NAMES), is_favourite=dice.random() < 0.2)
            changing.put(contact)
            kept[number] = contact
    fresh = Letters(kept.values())
    for keys in ("", "2", "26", "5", "237", "58"):
        assert changing.search(keys, 0, 40) == fresh.search(keys, 0, 40), f"seed {seed}"
    assert len(changing) == len(kept)


def test_names_without_letters_of_the_keypad_are_found_by_no_keys_and_harm_nothing() -> None:
    assert spellings("Юрий") == set()
    assert spellings("") == set()
    assert spellings("R2-D2") == {"72032", "7232", "32"}
