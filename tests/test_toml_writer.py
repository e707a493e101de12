"""One word of an owner's file is changed, and nothing else."""

from __future__ import annotations

import tomllib

import pytest

from firmware.errors import ConfigError
from firmware.toml_writer import amend

FILE = """\
# mine
[identity]  # who I am
name = 'Oma'  # "Grandma"
[network]
bootstrap = ["a:1",
  "b:2"]

[ audio ]
country="DE"
"""


def test_value_is_replaced_and_comments_stay() -> None:
    text = amend(FILE, "identity", "name", 'Erna "E" [audio] # \\ Müller')
    assert tomllib.loads(text)["identity"]["name"] == 'Erna "E" [audio] # \\ Müller'
    assert '  # "Grandma"' in text
    assert amend(text, "identity", "name", "Oma").replace('"Oma"', "'Oma'") == FILE


def test_key_that_is_not_there_comes_into_its_section() -> None:
    text = amend(FILE, "audio", "capture", "null")
    assert tomllib.loads(text)["audio"] == {"country": "DE", "capture": "null"}


@pytest.mark.parametrize("before", ["", FILE, FILE.rstrip("\n"), "[network]"])
def test_section_that_is_not_there_is_added(before: str) -> None:
    text = amend(before, "display", "language", "de")
    assert tomllib.loads(text) == tomllib.loads(before) | {"display": {"language": "de"}}
    assert text.startswith(before)


@pytest.mark.parametrize(
    "before",
    [
        'identity.name = "x"',
        'identity = {name = "x"}',
        "identity = 7",
        '[identity]\nname = """\nOma\n"""',
        '[other]\ntext = """\n[identity]\nname = "x"\n"""',
        "[identity",
    ],
)
def test_form_that_is_not_understood_is_left_alone(before: str) -> None:
    with pytest.raises(ConfigError):
        amend(before, "identity", "name", "Anna")
