"""Names of sound cards, out of a text of the kernel's."""

from __future__ import annotations

from pathlib import Path

from firmware.drivers.pi.cards import sound_cards

TEXT = """ 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
 1 [Device         ]: USB-Audio - USB Audio Device
                      C-Media Electronics Inc. USB Audio Device at usb-1.2, full speed
"""


def test_sound_cards_are_named_by_their_ids(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text(TEXT)
    assert sound_cards(tmp_path / "cards") == ("plughw:CARD=vc4hdmi", "plughw:CARD=Device")


def test_sound_cards_where_there_is_no_sound_are_none(tmp_path: Path) -> None:
    (tmp_path / "cards").write_text("--- no soundcards ---\n")
    assert sound_cards(tmp_path / "cards") == sound_cards(tmp_path / "nothing") == ()
