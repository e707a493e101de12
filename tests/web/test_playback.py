"""Messages played by a browser: whole, in parts, and what is no message."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from typing import Any

import aiohttp
import numpy as np
import pytest

from firmware.codec.recording import encode
from firmware.errors import CommandError, MalformedError
from firmware.web.playback import to_wav
from tests.web.house import HEADERS, House, enter
from tests.web.test_server import tell
from tests.world import sine

FRAMES = 25
RECORDING = encode([sine(700.0, 320 * i) for i in range(FRAMES)])
URL = "/api/message.wav"


async def sound(request: Mapping[str, Any]) -> dict[str, Any]:
    if request["key"] == "broken":
        return {"recording": b"\x01\x07odd", "duration_s": 1.0}
    if request["key"] != "a/b":
        raise CommandError("There is no such message any more")
    return {"recording": RECORDING, "duration_s": 0.5}


def test_recording_becomes_a_wav_of_its_length() -> None:
    with wave.open(io.BytesIO(to_wav(RECORDING))) as found:
        assert (found.getframerate(), found.getnchannels(), found.getsampwidth()) == (16_000, 1, 2)
        heard = np.frombuffer(found.readframes(found.getnframes()), dtype="<i2")
    assert len(heard) == FRAMES * 320
    assert np.abs(heard[1600:]).max() > 1000
    with pytest.raises(MalformedError):
        to_wav(b"no recording")


@pytest.mark.parametrize(
    ("wanted", "status", "length"),
    [
        ("", 200, 16_044),
        ("bytes=0-", 206, 16_044),
        ("bytes=44-143", 206, 100),
        ("bytes=-100", 206, 100),
        ("bytes=16000-99999", 206, 44),
        ("bytes=16044-", 416, None),
        ("bytes=9-3", 200, 16_044),
        ("chapters=1-2", 200, 16_044),
    ],
)
def test_any_part_may_be_asked_for(wanted: str, status: int, length: int | None) -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        house.handlers["message_sound"] = sound
        await enter(house, client)
        headers = {"Range": wanted} if wanted else {}
        async with client.get(URL, params={"key": "a/b"}, headers=headers) as response:
            body = await response.read()
            assert response.status == status
            assert length is None or len(body) == length
            assert ("Content-Range" in response.headers) is (status != 200)
            assert response.headers["X-Content-Type-Options"] == "nosniff"

    tell(story)


def test_message_that_is_none_or_broken_is_refused() -> None:
    async def story(house: House, client: aiohttp.ClientSession) -> None:
        house.handlers["message_sound"] = sound
        async with client.get(URL, params={"key": "a/b"}) as response:
            assert response.status == 401
        await enter(house, client)
        for key, status in (("gone", 409), ("broken", 404)):
            async with client.get(URL, params={"key": key}) as response:
                assert response.status == status
        async with client.delete("/api/message", json={"key": "a/b"}, headers=HEADERS) as response:
            assert response.status == 200
        assert ("forget_message", {"key": "a/b"}) in house.asked

    tell(story)
