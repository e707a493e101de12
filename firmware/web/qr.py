"""The number as a QR code that another telephone's camera reads; drawn by segno."""

from __future__ import annotations

import io

import segno

BORDER_MODULES = 4  # ISO/IEC 18004 clause 6.3.8


def number_svg(number: str) -> bytes:
    """An SVG of `fernruf:` and the twelve digits, black on white whatever the theme."""
    out = io.BytesIO()
    code = segno.make(f"fernruf:{number}", error="m", micro=False)
    code.save(out, kind="svg", border=BORDER_MODULES, scale=4, light="#fff", xmldecl=False)
    return out.getvalue()
