"""Every refusal that a page can meet is said in German, too, with the same words filled in."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

from playwright.sync_api import sync_playwright

from firmware import archive, owner, preferences, remote, settings, toml_writer
from firmware.book import vcard
from firmware.owner import REFUSALS
from firmware.web.server import STATIC
from tests.web.browser import chromium

MODULES = (archive, owner, preferences, remote, settings, toml_writer, vcard)
OTHERWISE = {  # of these modules, but no page can meet it
    "not the keys of a page", "states are {0}", "still {0} after {1} s, not {2}",
    "timeout_s: a number of seconds up to {0}", "must be two letters, such as DE",
    "[{0}] is no section of the file", "hardware: {0} is none of {1}",
    "must be printable and at most {0} bytes of UTF-8",
}  # fmt: skip
ELSEWHERE = {  # of modules that say much besides
    "must be a string", "must be true or false", "{0} is none of {1}",
    "name: must be at most {0} bytes of printable text", "Too many connections; please try again",
}  # fmt: skip
PAIR = re.compile(r'^  \[("(?:[^"\\]|\\.)*"), ("(?:[^"\\]|\\.)*")\],$', re.MULTILINE)
PLACES = re.compile(r"\{\d\}")
SAID = [
    ("That is not the password", "Das ist nicht das Passwort"),
    (
        "Too many wrong passwords; please wait 30 s",
        "Zu viele falsche Passwörter; bitte 30 s warten",
    ),
    ("Word 7 cannot be 'xx\\n.'", "Wort 7 kann nicht 'xx\\n.' sein"),
    (
        "Wireless network: must be 8 to 63 printable ASCII characters",
        "WLAN: 8 bis 63 druckbare ASCII-Zeichen",
    ),
    ("hardware: 'x' is none of gpio, usb", "hardware: 'x' ist keines von gpio, usb"),
    ("Not Found", "Not Found"),
    ("", ""),
]


def in_german() -> dict[str, str]:
    source = STATIC.joinpath("refusals.js").read_text(encoding="utf-8")
    pairs = [(json.loads(english), json.loads(german)) for english, german in PAIR.findall(source)]
    assert len(dict(pairs)) == len(pairs) == source.count("\n  [")
    return dict(pairs)


def raised(source: str) -> set[str]:
    """The texts of errors in a module; what is filled in is numbered."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="CommandError" | "ConfigError" | "MalformedError")):
                found |= {template(each) for each in node.args}
            case ast.keyword(arg="reason", value=value):
                found.add(template(value))
            case ast.Assign(targets=[ast.Name(id="refusal")], value=value):
                found.add(template(value))
    return found - {""}


def template(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            words = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            places = iter(range(len(parts)))
            return "".join(f"{{{next(places)}}}" if each is None else str(each) for each in words)
    return ""


def test_every_refusal_is_there_and_none_that_nobody_says() -> None:
    files = [*(STATIC.parent.glob("*.py")), *(Path(str(each.__file__)) for each in MODULES)]
    said = {*REFUSALS.values(), *ELSEWHERE}
    for each in files:
        said |= raised(each.read_text(encoding="utf-8"))
    known = in_german()
    assert sorted(said - known.keys() - OTHERWISE) == []
    assert sorted(known.keys() - said) == []
    assert said >= OTHERWISE


def test_what_is_filled_in_stands_in_both() -> None:
    for english, german in in_german().items():
        assert sorted(PLACES.findall(english)) == sorted(PLACES.findall(german)), english


def test_page_says_them_in_german() -> None:
    module = STATIC.joinpath("refusals.js").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        page = browser.new_page()
        say = (
            "async ([module, said]) => { const { in_german } = await import("
            "`data:text/javascript,${encodeURIComponent(module)}`); return said.map(in_german); }"
        )
        german = page.evaluate(say, [module, [english for english, _ in SAID]])
        browser.close()
    assert german == [each for _, each in SAID]
