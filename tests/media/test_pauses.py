"""DTX: while nobody speaks nearly nothing is sent, and the listener hears the room all the same."""

from __future__ import annotations

import numpy as np
import pytest

from firmware.codec.g711 import ALAW_DECODING, ALAW_ENCODING, G711Decoder, G711Encoder
from firmware.codec.noise import ComfortNoise
from firmware.codec.pause import HANGOVER_FRAMES, Pauses
from firmware.errors import MalformedError
from firmware.events import DatagramReceived, MediaReported, SendDatagram, StartMedia, StopMedia
from firmware.media.sender import PAUSE_FRAMES
from firmware.media.session import MediaSession
from firmware.model import FRAME_S, FRAME_SAMPLES, Codec, Frame
from tests.codec.speech import NAMES, frames_of, load_speech, quality
from tests.media.line import ANNA, BERT, dice_bytes, prepare

ROOM_RMS = 40.0  # 58 dB below full scale
PAUSE_S = 4.0
PAUSE_SAMPLES = round(PAUSE_S * 16_000)


def story(room_rms: float = ROOM_RMS) -> tuple[Frame, int, int]:
    """Somebody speaks, is silent, speaks again, in a room; where the pause begins and ends."""
    dice = np.random.Generator(np.random.PCG64(5))
    words = load_speech(NAMES[0])[: 100 * FRAME_SAMPLES]
    words = words // 2
    sound = np.concatenate([words, np.zeros(PAUSE_SAMPLES), words])
    room = np.convolve(dice.normal(0, room_rms, len(sound)), [0.8, 0.6], mode="same")
    return (sound + room).astype(np.int16), len(words), len(words) + PAUSE_SAMPLES


class Heard:
    """One direction of a call in virtual time."""

    def __init__(self, codec: Codec, sound: Frame, *, dtx: bool = True, lose: int = 0) -> None:
        """Every `lose`-th packet is lost."""
        anna = MediaSession(dice_bytes(1), dtx=dtx)
        bert = MediaSession(dice_bytes(2), dtx=dtx)
        for session, is_anna in ((anna, True), (bert, False)):
            session.handle(prepare(codec, BERT if is_anna else ANNA, is_anna=is_anna), 0.0)
            session.handle(StartMedia(), 0.0)
        self.sent_s: list[float] = []
        frames = []
        for number, frame in enumerate(frames_of(sound)):
            now_s = number * FRAME_S
            for message in anna.capture(frame, now_s):
                assert isinstance(message, SendDatagram)
                self.sent_s.append(now_s)
                if not lose or len(self.sent_s) % lose:
                    bert.handle(DatagramReceived(message.data, ANNA), now_s + 0.002)
            bert.on_time(now_s + 0.010)
            heard = bert.playout(now_s + 0.010)
            frames.append(np.zeros(FRAME_SAMPLES, np.int16) if heard is None else heard)
        self.sound = np.concatenate(frames)
        (report,) = bert.handle(StopMedia(), 99.0)
        assert isinstance(report, MediaReported)
        self.counters = report.counters


def level_db(sound: Frame) -> float:
    return float(10 * np.log10(np.mean(np.square(sound.astype(float))) + 1e-9))


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA, Codec.PCMU])
def test_pause_is_the_sound_of_the_room_for_a_quarter_of_the_packets(codec: Codec) -> None:
    sound, begin, end = story()
    heard = Heard(codec, sound)
    settled = slice(begin + 16_000, end)
    assert level_db(heard.sound[settled]) == pytest.approx(level_db(sound[settled]), abs=4.0)
    in_pause = [at_s for at_s in heard.sent_s if begin + 16_000 <= at_s * 16_000 < end]
    assert len(in_pause) < 1.25 * (PAUSE_S - 1.0) / FRAME_S / PAUSE_FRAMES + 15
    assert max(np.diff(heard.sent_s)) <= PAUSE_FRAMES * FRAME_S + 1e-6
    assert heard.counters.frames_concealed == 0
    assert heard.counters.packets_lost == heard.counters.packets_malformed == 0


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
def test_pause_begins_and_ends_without_gap_or_click(codec: Codec) -> None:
    sound, begin, end = story()
    heard = Heard(codec, sound).sound
    pause = heard[begin + 8_000 : end - 1_600]  # after the last word has been heard
    assert np.abs(pause.astype(int)).max() < 10 * ROOM_RMS  # no click
    levels = [level_db(part) for part in pause.reshape(-1, 160)]  # 10 ms each
    assert min(levels) > level_db(sound[begin + 8_000 : end]) - 12  # no gap


@pytest.mark.parametrize("codec", [Codec.OPUS, Codec.PCMA])
def test_words_sound_like_those_of_who_sends_all_the_time(codec: Codec) -> None:
    sound, _, _ = story()
    silent, steady = Heard(codec, sound), Heard(codec, sound, dtx=False)
    delay = 100 + (0 if codec is Codec.OPUS else 48)  # of codec and play-out, roughly
    scores = [
        quality(codec, sound[:-1_600], one.sound[delay : len(sound) - 1_600 + delay])
        for one in (silent, steady)
    ]
    assert scores[0] > scores[1] - 0.45
    assert len(silent.sent_s) < 0.65 * len(steady.sent_s)


def test_pause_whose_description_is_lost_goes_on_with_the_noise_that_was_heard() -> None:
    sound, begin, end = story()
    heard = Heard(Codec.PCMA, sound, lose=7)
    assert np.abs(heard.sound[begin + 8_000 : end - 1_600].astype(int)).max() < 10 * ROOM_RMS


def test_sender_without_dtx_sends_every_frame_of_a_pause() -> None:
    sound, _, _ = story()
    assert len(Heard(Codec.PCMA, sound, dtx=False).sent_s) == len(sound) // FRAME_SAMPLES


def test_pause_begins_after_the_hangover_and_ends_with_the_first_loud_frame() -> None:
    pauses = Pauses()
    dice = np.random.Generator(np.random.PCG64(7))
    room = [dice.normal(0, 30, FRAME_SAMPLES).astype(np.int16) for _ in range(60)]
    voice = (dice.normal(0, 2_000, FRAME_SAMPLES)).astype(np.int16)
    for _ in range(20):
        assert not pauses.is_pause(voice)
    told = [pauses.is_pause(frame) for frame in room]
    assert told.index(True) == HANGOVER_FRAMES and all(told[HANGOVER_FRAMES:])
    assert not pauses.is_pause(voice)


@pytest.mark.parametrize("rms", [5.0, 40.0, 150.0])
def test_room_is_described_as_loud_and_as_bright_as_it_is(rms: float) -> None:
    dice = np.random.Generator(np.random.PCG64(8))
    sound = np.convolve(dice.normal(0, rms, 32_000), np.ones(6) / 2.45, mode="same")
    pauses = Pauses()
    for frame in frames_of(sound.astype(np.int16)):
        pauses.is_pause(frame)
    noise = ComfortNoise.decode(pauses.room().encode()).take(8_000)
    assert level_db(noise) == pytest.approx(level_db(sound.astype(np.int16)), abs=3.0)
    spectrum = np.abs(np.fft.rfft(noise.astype(float)))
    assert spectrum[:1_500].mean() > 1.5 * spectrum[2_500:].mean()  # darker above 2.5 kHz


def test_digital_silence_is_described_as_silence() -> None:
    encoder = G711Encoder(ALAW_ENCODING, dtx=True)
    for _ in range(HANGOVER_FRAMES + 5):
        payload = encoder.encode(np.zeros(FRAME_SAMPLES, np.int16))
    assert encoder.is_pause
    decoder = G711Decoder(ALAW_DECODING)
    frames = [decoder.pause(payload, FRAME_SAMPLES) for _ in range(10)]
    assert np.abs(np.concatenate(frames)).max() <= 1


@pytest.mark.parametrize("payload", [bytes(33), b"\x80", b"\x20\xff"])
def test_description_of_no_room_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        G711Decoder(ALAW_DECODING).pause(payload, FRAME_SAMPLES)
