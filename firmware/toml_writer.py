"""Changes one word of a TOML file that belongs to its owner: all else stays, comments included.

Knows no file and no key of ours. Source: TOML 1.0.0.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from firmware.errors import ConfigError

_VALUE = r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#]+)"""


def amend(text: str, section: str, key: str, value: str) -> str:
    """The text with `key` of `[section]` set; ConfigError if it stands there in a form of its own.

    `value` is printable.
    """
    wanted = _parsed(text)
    table = wanted.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"[{section}] is no section of the file")
    table[key] = value
    lines = text.splitlines()
    start, end = _section(lines, section)
    line = re.compile(rf"(\s*{re.escape(key)}\s*=\s*){_VALUE}(.*)")
    new = f"{key} = {_quoted(value)}"
    for i in range(start, end):
        if found := line.fullmatch(lines[i]):
            lines[i] = found[1] + _quoted(value) + found[3]
            break
    else:
        lines[start:start] = [new] if start <= len(lines) else ["", f"[{section}]", new]
    changed = "\n".join(lines) + "\n"
    if _parsed(changed) != wanted:
        raise ConfigError(f"[{section}] {key} is written in a way that only its owner can change")
    return changed


def _section(lines: list[str], name: str) -> tuple[int, int]:
    """The first line after its head and the one behind its last; behind all if there is none."""
    head = re.compile(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(#.*)?")
    heads = [i for i, line in enumerate(lines) if line.lstrip().startswith("[")]
    for i in heads:
        if head.fullmatch(lines[i]):
            return i + 1, min((other for other in heads if other > i), default=len(lines))
    return len(lines) + 1, len(lines) + 1


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError("the file is broken; only its owner can mend it") from None


def _quoted(text: str) -> str:
    """A basic string of TOML is one of JSON, as long as nothing above U+007F is escaped."""
    return json.dumps(text, ensure_ascii=False)
