"""open_board: which drivers a configuration gives, and what is missing."""

from __future__ import annotations

import queue
import time
import wave
from pathlib import Path

import pytest

from firmware.config import Config, parse_config
from firmware.drivers.board import Board, open_board
from firmware.drivers.contacts import Contacts
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback
from firmware.drivers.sim.pcm import SimCapture, SimPlayback
from firmware.errors import ConfigError
from firmware.events import Fact, HardwareFailed, HookLifted, HookReplaced, KeyPressed
from firmware.handset import Handset, parse_handset
from firmware.model import FRAME_SAMPLES, Part, Picture

SIMULATED = '[hardware]\nkind = "simulated"\n'
WAIT_S = 5.0

off_a_pi = pytest.mark.skipif(
    Path("/proc/device-tree/model").exists(), reason="this is a board with a header"
)


def config(text: str = "") -> Config:
    return parse_config(SIMULATED + text, "box.toml")


def facts(board: Board, from_s: float) -> list[Fact]:
    """What hook and keypad say in the next 100 ms."""
    contacts, found = contacts_of(board), list[Fact]()
    for step in range(20):
        found += contacts.sample(from_s + step * 0.005)
    return found


def contacts_of(board: Board) -> Contacts:
    (contacts,) = board.telephones
    assert isinstance(contacts, Contacts)
    return contacts


def test_simulated_board_has_every_part_and_no_failure() -> None:
    board = open_board(config(), Handset())
    assert board.failures == []
    parts = contacts_of(board).parts
    assert None not in (parts.hook, parts.keypad, parts.ringer, board.oled, board.hand)
    assert isinstance(board.open_capture(), SimCapture)
    assert isinstance(board.open_playback(), SimPlayback)
    board.close()


def test_simulated_board_hand_works_the_real_drivers() -> None:
    board = open_board(config(), Handset())
    assert board.hand is not None
    board.hand.lift()
    assert facts(board, 0.0) == [HookLifted()]
    board.hand.hold("4")
    assert facts(board, 1.0) == [KeyPressed("4")]
    board.hand.release("4")
    board.hand.replace()
    assert facts(board, 2.0) == []  # perhaps a flash
    assert facts(board, 2.7) == [HookReplaced()]
    board.close()


def test_simulated_board_bell_is_heard_by_the_hand_and_silent_after_close() -> None:
    board = open_board(config(), Handset())
    assert board.hand is not None
    (contacts,) = board.telephones
    contacts.open(lambda fact: None)
    contacts.ring(on=True)
    deadline_s = time.monotonic() + WAIT_S
    while not board.hand.hears_bell():
        assert time.monotonic() < deadline_s
    board.close()
    assert not board.hand.hears_bell()


def test_simulated_board_picture_is_seen_by_the_eye_and_dark_after_close() -> None:
    board = open_board(config(), Handset())
    assert board.oled is not None and board.hand is not None and board.hand.display is not None
    board.oled.show(Picture(("x",), bytes([7]) * 1024))
    board.oled.open(lambda fact: None)
    deadline_s = time.monotonic() + WAIT_S
    while not board.hand.display.visible()[:, 1:].any():
        assert time.monotonic() < deadline_s
    assert board.hand.display.pixels()[1:128] == bytes([7]) * 127
    board.close()
    assert not board.hand.display.visible().any()


def test_board_without_oled_has_none_and_no_failure() -> None:
    board = open_board(config("oled = false\n"), Handset())
    assert board.oled is None and board.failures == []
    assert board.hand is not None and board.hand.display is None


def test_board_wav_files_are_microphone_and_earpiece(tmp_path: Path) -> None:
    speech, ear = tmp_path / "speech.wav", tmp_path / "ear.wav"
    with wave.open(str(speech), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
        file.writeframes(b"\x01\x02" * FRAME_SAMPLES)
    text = f'[audio]\ncapture = "file:{speech}"\nplayback = "file:{ear}"\n'
    board = open_board(config(text), Handset())
    for _ in range(2):  # from the beginning at each opening
        assert board.open_capture().read() == (FRAME_SAMPLES, b"\x01\x02" * FRAME_SAMPLES)
    playback = board.open_playback()
    assert playback.write(bytes(640)) == FRAME_SAMPLES
    playback.close()
    board.close()
    assert board.recording is not None and board.recording.opened_s == playback.opened_s
    assert ear.stat().st_size == 44 + 640


@pytest.mark.parametrize("key", ["capture", "playback"])
def test_board_wav_file_that_cannot_be_used_is_a_config_error_with_its_key(
    tmp_path: Path, key: str
) -> None:
    text = f'[audio]\n{key} = "file:{tmp_path}/nowhere/a.wav"\n'
    with pytest.raises(ConfigError, match=rf"^box.toml: \[audio\] {key}: cannot .*a\.wav"):
        open_board(config(text), Handset())


@off_a_pi
def test_board_off_a_pi_lists_each_missing_part_and_goes_on() -> None:
    text = '[audio]\ncapture = "nothing"\nplayback = "nothing"\n'
    board = open_board(parse_config(text, "box.toml"), Handset())
    assert {failure.part for failure in board.failures} == {
        Part.HOOK,
        Part.KEYPAD,
        Part.RINGER,
        Part.MICROPHONE,
        Part.EARPIECE,
    }
    assert board.telephones == () and board.hand is None
    assert board.oled is not None  # its own thread says that it is missing
    board.close()


@off_a_pi
def test_board_alsa_names_of_the_handset_serve_where_box_toml_says_default() -> None:
    handset = parse_handset('[audio]\ncapture = "plug:null"\nplayback = "plug:null"\n', "h")
    board = open_board(parse_config("", "box.toml"), handset)
    assert {failure.part for failure in board.failures} == {Part.HOOK, Part.KEYPAD, Part.RINGER}
    assert isinstance(board.open_capture(), AlsaCapture)
    assert isinstance(board.open_playback(), AlsaPlayback)


@pytest.mark.parametrize(("kind", "part"), [("usb", Part.USB_PHONE), ("adapter", Part.ADAPTER)])
def test_board_of_the_other_two_builds_needs_no_header_and_says_what_is_missing(
    kind: str, part: Part
) -> None:
    text = f'[telephone]\nkind = "{kind}"\n[adapter]\nport = "/dev/nothing"\n'
    board = open_board(parse_config("", "box.toml"), parse_handset(text, "h"))
    assert part not in {failure.part for failure in board.failures}
    assert Part.HOOK not in {failure.part for failure in board.failures}
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()
    (telephone,) = board.telephones
    telephone.open(facts.put)
    failed = facts.get(timeout=WAIT_S)
    assert isinstance(failed, HardwareFailed) and failed.part is part
    board.close()


def test_simulated_board_of_any_build_has_a_hand_on_a_header() -> None:
    board = open_board(config(), parse_handset('[telephone]\nkind = "usb"\n', "h"))
    assert board.hand is not None
    board.hand.lift()
    assert facts(board, 0.0) == [HookLifted()]
    board.close()
