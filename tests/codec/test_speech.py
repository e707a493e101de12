"""The table of codecs keeps its promises."""

from __future__ import annotations

import pytest

from firmware.codec.speech import FORMATS, available_codecs
from firmware.model import FRAME_SAMPLES, Codec, silence


@pytest.mark.parametrize("codec", list(Codec))
def test_codec_has_a_line_in_the_table_that_works(codec: Codec) -> None:
    speech = FORMATS[codec]
    encoder, decoder = speech.make_encoder(), speech.make_decoder()
    assert decoder.decode(encoder.encode(silence())).shape == (FRAME_SAMPLES,)
    assert decoder.conceal(FRAME_SAMPLES).shape == (FRAME_SAMPLES,)


def test_codecs_have_the_payload_types_of_rfc_3551_and_ours() -> None:
    types = {codec: speech.payload_type for codec, speech in FORMATS.items()}
    assert types == {Codec.OPUS: 111, Codec.PCMA: 8, Codec.PCMU: 0}


def test_codecs_at_hand_always_include_g711() -> None:
    assert {Codec.PCMA, Codec.PCMU} <= set(available_codecs())
