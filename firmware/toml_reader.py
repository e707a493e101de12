"""Reads TOML strictly: each key once, nothing unknown, each error names file, section and key.

Knows no key of ours; config.py says which there are. Source: TOML 1.0.0.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

from firmware.errors import ConfigError

T = TypeVar("T")
D = TypeVar("D")


class Section:
    """One table of the file: each key is taken once, what is left over is unknown."""

    def __init__(self, source: str, name: str, table: dict[str, Any]) -> None:
        self._where, self.table = f"{source}: [{name}]", dict(table)

    def take(self, key: str, read: Callable[[Any], T], default: D) -> T | D:
        """The value of `key`, or `default`; `read` raises ConfigError with the mere reason."""
        if key not in self.table:
            return default
        try:
            return read(self.table.pop(key))
        except ConfigError as reason:
            raise self.error(key, str(reason)) from None

    def error(self, key: str, reason: str) -> ConfigError:
        """To be raised: `reason`, and where it happened."""
        return ConfigError(f"{self._where} {key}: {reason}")


class Document:
    """The whole file."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._sections: list[Section] = []
        self._tables = parsed(text, source)

    def section(self, name: str) -> Section:
        """The table `name`, empty if the file has none."""
        table = self._tables.pop(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{self._source}: [{name}]: is a section, not a key")
        self._sections.append(Section(self._source, name, table))
        return self._sections[-1]

    def refuse_the_rest(self) -> None:
        """ConfigError for the first section or key that nobody took."""
        for name, value in self._tables.items():
            name = _printable(name)
            shown = f"[{name}]: unknown section" if isinstance(value, dict) else f"{name}: unknown"
            raise ConfigError(f"{self._source}: {shown}")
        for section in self._sections:
            for key in section.table:
                raise section.error(_printable(key), "unknown key")


def parsed(text: str, source: str) -> dict[str, Any]:
    """The tables of a file; ConfigError whatever is wrong with it."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{source}: not TOML: too deeply nested") from None
    except ValueError as error:  # its own, and Python's of a number with thousands of digits
        raise ConfigError(f"{source}: not TOML: {error}") from None


def _printable(key: str) -> str:
    """A key is shown on a display and in a terminal; who wrote it can put anything into quotes."""
    return key if key.isprintable() else ascii(key)


# Readers: in goes a value as TOML gave it, out comes what we keep, or ConfigError with the reason.


def string(value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ConfigError("must be a string")
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ConfigError("must be true or false")
    return value


def list_of(value: Any, items_max: int) -> list[Any]:
    """A list of at most `items_max`."""
    if not isinstance(value, list) or len(value) > items_max:
        raise ConfigError(f"must be a list in [brackets], of at most {items_max} entries")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    """A reader of one of `words`."""

    def read(value: Any) -> str:
        if string(value) not in words:
            raise ConfigError(f"{value!r} is none of {', '.join(words)}")
        return str(value)

    return read


def between(least: int, most: int, step: int = 1) -> Callable[[Any], int]:
    """A reader of a whole number, both ends included."""

    def read(value: Any) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or not least <= value <= most or value % step:
            multiple = f", a multiple of {step}" if step > 1 else ""
            raise ConfigError(f"must be a whole number from {least} to {most}{multiple}")
        return int(value)

    return read


def seconds(most_s: float) -> Callable[[Any], float]:
    """A reader of a time above zero."""

    def read(value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value <= most_s:
            raise ConfigError(f"must be seconds, more than 0 and at most {most_s}")
        return float(value)

    return read
