"""Compiles the translations of the display: python tools/translations.py; then look at the pages.

Reads firmware/ui/locale/*.po (msgid and msgstr on one line each) and writes the .mo beside it.
Source: GNU gettext manual, "The Format of GNU MO Files".
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path

LOCALE = Path(__file__).resolve().parent.parent / "firmware" / "ui" / "locale"
_MAGIC = 0x950412DE
_HEAD_BYTES = 28


def read_po(text: str) -> dict[str, str]:
    """Message to translation, in the order of the file; SystemExit names a line that is wrong."""
    messages: dict[str, str] = {}
    message, where = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        word, _, quoted = line.rpartition(' "') if line[0] != '"' else ("", "", line[1:])
        try:
            part = str(ast.literal_eval('"' + quoted))
        except (SyntaxError, ValueError):
            raise SystemExit(f"line {number}: not msgid or msgstr and a text: {line}") from None
        where = word or where
        if word == "msgid":
            message = part
            if message in messages:
                raise SystemExit(f"line {number}: {message!r} is there already")
        elif where == "msgstr":
            messages[message] = messages.get(message, "") + part
        else:
            raise SystemExit(f"line {number}: a text that belongs to nothing: {line}")
    return messages


def compile_mo(messages: dict[str, str]) -> bytes:
    """The file that gettext reads: two tables of lengths and places, then the texts."""
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    count = len(pairs)
    place = _HEAD_BYTES + 16 * count
    tables, texts = [], b""
    for part in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[part]), place + len(texts)))
            texts += pair[part] + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, count, _HEAD_BYTES, _HEAD_BYTES + 8 * count, 0, place)
    return head + b"".join(tables) + texts


def main() -> None:
    """Compile all."""
    for path in sorted(LOCALE.glob("*.po")):
        messages = read_po(path.read_text(encoding="utf-8"))
        path.with_suffix(".mo").write_bytes(compile_mo(messages))
        print(f"{path.stem}: {len(messages) - 1} texts")


if __name__ == "__main__":
    main()
