"""The own number for other telephones: a vCard, and the same as a QR code that a camera reads.

Source: RFC 6350 (vCard 4.0); ISO/IEC 18004 (QR), drawn by segno.
"""

from __future__ import annotations

import io

from firmware.book.vcard import encode_card
from firmware.events.book import Contact

BORDER_MODULES = 4  # ISO/IEC 18004 clause 6.3.8


def own_card(number: str, name: str) -> bytes:
    """The card of who has this number; without a name it is called by it."""
    return encode_card(Contact(number, name or f"Fernruf {number}"))


def card_svg(card: bytes) -> bytes:
    """An SVG of the code, black on white whatever the theme. Slow: in a worker thread."""
    import segno  # who never looks at the page needs no memory for it

    out = io.BytesIO()
    code = segno.make(card, error="m", micro=False)
    code.save(out, kind="svg", border=BORDER_MODULES, scale=4, light="#fff", xmldecl=False)
    return out.getvalue()
