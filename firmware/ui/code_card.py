"""The card of codes and keys beside the telephone, for one country, as a page to be printed.

What is pressed comes from the country's plan, the words are one table a language; what fits on a
sheet of A5. Pure: knows no file.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from firmware.codes import Action, CodePlan, Service
from firmware.ui.code_card_texts import CARDS, CardTexts
from firmware.ui.selftest import TESTS

_EXAMPLES = {"P": "7", "D": "7", "Q": "17", "S": "10"}
_TIMES = {Service.QUIET_HOURS: ("2200", "0700"), Service.WAKE_UP: ("0630",)}
_STRANGERS = ("*85*1#", "*85*2#", "*85*3#", "*85*4#")  # a kind each
_STYLE = """
@page { size: A5; margin: 8mm }
body { font: 8.5pt sans-serif; margin: 0; max-width: 132mm }
h1 { font-size: 13pt; margin: 0 }
h2 { font-size: 9.5pt; margin: 2mm 0 .5mm }
p { margin: 1mm 0 }
table { border-collapse: collapse; width: 100% }
td { border-bottom: .2mm solid #999; padding: .25mm 1mm }
td:first-child { width: 46% }
b { font-family: monospace; font-size: 9pt; white-space: nowrap }
.warning { border: .6mm solid; padding: 1mm 2mm; font-weight: bold; margin: 1.5mm 0 }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the card: what for, and the keys of it."""

    title: str
    keys: tuple[str, ...]


def rows(plan: CodePlan, texts: CardTexts) -> list[Row]:
    """The codes of `plan`, in the order of the texts; what it has not is left out."""
    found = [
        Row(title, _keys_of(plan, service, (Action.USE, Action.ON, Action.OFF), texts))
        for service, title in texts.services.items()
    ]
    said = _keys_of(plan, Service.CALL_RETURN, (Action.ASK,), texts)
    found.append(Row(texts.last_caller, said))
    once = tuple(prefix + texts.number for prefix in plan.relayed_prefixes)
    found.append(Row(texts.hide_once, once))
    found.append(Row(texts.ask, _keys_of(plan, Service.DO_NOT_DISTURB, (Action.ASK,), texts)))
    found.append(Row(texts.tests, tuple(f"{keys}#" for keys in TESTS)))
    return [row for row in found if row.keys]


def card(plan: CodePlan, language: str) -> str:
    """The page: HTML that needs nothing else."""
    texts = CARDS[language]
    codes = "".join(_table_row(row.title, row.keys) for row in rows(plan, texts))
    keys = "".join(_table_row(what, (key,)) for key, what in texts.keys)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>Fernruf</title>'
        f"<style>{_STYLE}</style><h1>Fernruf</h1><p>{escape(texts.own)} ____ ____ ____</p>"
        f'<div class="warning">{escape(texts.emergency)}</div>'
        f"<h2>{escape(texts.codes)}</h2><table>{codes}</table>"
        f"<h2>{escape(texts.in_call)}</h2><table>{keys}</table>"
        f"<p>{escape(texts.transfer)}</p></html>\n"
    )


def _keys_of(
    plan: CodePlan, service: Service, actions: tuple[Action, ...], texts: CardTexts
) -> tuple[str, ...]:
    """What is pressed for it, with examples in the places of what is chosen."""
    patterns = [
        code.pattern
        for action in actions
        for code in plan.codes
        if code.service is service and code.action is action
    ]
    if service is Service.STRANGERS:
        return (*_STRANGERS, patterns[-1])
    return tuple(_with_examples(pattern, service, texts) for pattern in patterns)


def _with_examples(pattern: str, service: Service, texts: CardTexts) -> str:
    times = iter(_TIMES.get(service, ()))
    examples = {**_EXAMPLES, "N": texts.number}
    return "".join(next(times) if key == "T" else examples.get(key, key) for key in pattern)


def _table_row(what: str, keys: tuple[str, ...]) -> str:
    shown = ", ".join(f"<b>{escape(key)}</b>" for key in keys)
    return f"<tr><td>{escape(what)}</td><td>{shown}</td></tr>"
