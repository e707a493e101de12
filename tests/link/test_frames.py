"""Frames of the adapter's line, on CPython; tests/adapter runs the rest on MicroPython too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware.link.frames import FRAME_BYTES_MAX, Splitter, decode, encode

ARGUMENTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7D), max_size=60)


@given(st.sampled_from("ABDEFHKLQRSTV"), st.integers(0, 99), ARGUMENTS)
def test_frame_that_was_encoded_is_decoded(kind: str, sequence: int, arguments: str) -> None:
    frame = encode(kind, sequence, arguments)
    assert len(frame) <= FRAME_BYTES_MAX
    assert decode(frame[:-1]) == (kind, sequence, arguments)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_refused_without_an_error(data: bytes) -> None:
    decoded = decode(data)
    if decoded is not None:
        assert encode(*decoded).rstrip(b"\n")[-5:] == data[-5:]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_splitter_hears_a_frame_after_any_noise_that_ended(noise: list[bytes]) -> None:
    splitter = Splitter()
    for piece in noise:
        splitter.push(piece)
    splitter.push(b"\n")
    assert splitter.push(encode("H", 3, "1")) == [("H", 3, "1")]
