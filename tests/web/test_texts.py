"""Every word of the page exists in both languages, and every word asked for exists."""

from __future__ import annotations

import json
import re
import subprocess
from shutil import which

import pytest

from firmware.model import CallState, EndReason, Unreachable
from firmware.web.server import FILES, STATIC

SOURCE = STATIC.joinpath("texts.js").read_text(encoding="utf-8")
PLACES = re.compile(r"\{\d\}")


def texts() -> dict[str, dict[str, str]]:
    """The table, read as a browser would: keys are bare words, values are plain strings."""
    found: dict[str, dict[str, str]] = {}
    for language, body in re.findall(
        r"^  (\w\w): \{\n(.*?)^  \},", SOURCE, re.DOTALL | re.MULTILINE
    ):
        pairs = re.findall(r'(\w+): ("(?:[^"\\]|\\.)*"),', body)
        found[language] = {key: json.loads(value) for key, value in pairs}
        assert len(found[language]) == len(pairs), "a key stands twice"
    return found


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    english, german = texts()["en"], texts()["de"]
    assert english.keys() == german.keys()
    assert len(english) > 100
    for key in english:
        assert sorted(PLACES.findall(english[key])) == sorted(PLACES.findall(german[key])), key


def test_every_word_that_is_asked_for_is_there() -> None:
    known = texts()["en"].keys()
    asked = {str(state) for state in CallState} | {f"reason_{reason}" for reason in EndReason}
    asked |= {f"unreachable_{reason}" for reason in Unreachable}
    for name in FILES:
        source = STATIC.joinpath(name).read_text(encoding="utf-8")
        asked |= set(re.findall(r'data-(?:text|label)="(\w+)"', source))
        if name.endswith(".js"):
            asked |= set(re.findall(r'\btext\("(\w+)"', source))
    assert sorted(asked - known) == []


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_every_module_can_be_parsed(name: str) -> None:
    node = which("node")
    if node is None:
        pytest.skip("the browser tests find it as well")
    source = STATIC.joinpath(name).read_text(encoding="utf-8")
    checked = subprocess.run(
        [node, "--input-type=module", "--check"], input=source, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
