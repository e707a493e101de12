"""baresip (Debian's baresip-core) in the benchmark: two of it, a SIP call through the wire.

A small SIP proxy puts the ports of the wire into the session descriptions. In-band FEC is on, as
baresip has no other protection and does not adapt; jitter buffer and packet time are its defaults.
Source: baresip 1.0 example configuration; RFC 3261, RFC 4566.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any, cast

from bench.usage import cpu_s, resident_mib
from bench.voice.ours import free_port
from bench.voice.process import ended
from bench.voice.wire import HOST, Wire

CODECS = {"opus": "opus/48000/1", "g711": "pcma"}
BITRATE = 24_000
SETUP_S = 1.5

_CONFIG = """
sip_listen {host}:{sip}
audio_path /usr/share/baresip
audio_player alsa,card
audio_source alsa,card
audio_alert alsa,null
ausrc_srate 16000
auplay_srate 16000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{rtp_end}
jitter_buffer_delay 5-10
module_path {modules}
module alsa.so
module g711.so
module opus.so
module plc.so
module_app account.so
module_app menu.so
opus_bitrate {bitrate}
opus_stereo no
opus_sprop_stereo no
opus_inbandfec {fec}
opus_packet_loss 10
opus_complexity 5
opus_application voip
"""


def is_available() -> bool:
    """Whether it is installed."""
    return shutil.which("baresip") is not None and _modules() is not None


async def call(
    wire: Wire,
    codec: str,
    environments: list[dict[str, str]],
    folder: Path,
    seconds: float,
    fec: str = "yes",
) -> list[dict[str, Any]]:
    """One call through `wire`; what it cost each end."""
    faces = await wire.open()
    sips, proxy = (free_port(), free_port()), _Proxy(wire, faces)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: proxy, local_addr=(HOST, 0))
    proxy.telephones = sips
    with ended() as ends:
        for i in (1, 0):  # the callee first
            home = folder / f"baresip{i}"
            home.mkdir()
            rtp = 20_000 + free_port() % 20_000 // 10 * 10
            config = _CONFIG.format(
                host=HOST,
                sip=sips[i],
                rtp=rtp,
                rtp_end=rtp + 8,
                bitrate=BITRATE,
                modules=_modules(),
                fec=fec,
            )
            (home / "config").write_text(config)
            account = f"<sip:{'ab'[i]}@{HOST}:{sips[i]}>;regint=0;answermode=auto"
            (home / "accounts").write_text(f"{account};audio_codecs={CODECS[codec]}\n")
            command = ["baresip", "-4", "-f", str(home)]
            if i == 0:
                command += ["-e", f"d sip:b@{HOST}:{proxy.port}"]
            ends.append(
                await asyncio.create_subprocess_exec(
                    *command,
                    env=environments[i],
                    stdin=asyncio.subprocess.PIPE,
                    stdout=(home / "out").open("wb"),
                    stderr=asyncio.subprocess.STDOUT,
                )
            )
            await asyncio.sleep(0.5)
        await asyncio.sleep(SETUP_S)
        began_s, before = time.monotonic(), [cpu_s(end.pid) for end in ends]
        await asyncio.sleep(seconds)
        minutes = (time.monotonic() - began_s) / 60
        costs = [
            {
                "cpu_s_per_minute": (cpu_s(end.pid) - cpu) / minutes,
                "rss_mb": resident_mib(end.pid),
            }
            for end, cpu in zip(ends, before, strict=True)
        ]
        for end in ends:
            end.send_signal(signal.SIGTERM)
            await end.wait()
        proxy.transport.close()
        return costs[::-1]  # the caller's first


class _Proxy(asyncio.DatagramProtocol):
    """Passes SIP between two telephones, with the wire's ports in the place of their own."""

    transport: asyncio.DatagramTransport

    def __init__(self, wire: Wire, faces: tuple[int, int]) -> None:
        self._wire, self._faces = wire, faces
        self.telephones = (0, 0)
        self._media = [0, 0]

    @property
    def port(self) -> int:
        port: int = self.transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr[1] not in self.telephones:
            return
        sender = self.telephones.index(addr[1])
        head, end, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"m=audio (\d+) ", body)
        if found:
            self._media[sender] = int(found.group(1))
            self._wire.connect(*self._media)
            body = re.sub(rb"m=audio \d+ ", b"m=audio %d " % self._faces[sender], body)
            body = re.sub(rb"c=IN IP4 [0-9.]+", b"c=IN IP4 " + HOST.encode(), body)
            head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        self.transport.sendto(head + end + body, (HOST, self.telephones[1 - sender]))


def _modules() -> str | None:
    for folder in (
        "/usr/lib/baresip/modules",
        *map(str, Path("/usr/lib").glob("*/baresip/modules")),
    ):
        if Path(folder, "opus.so").exists():
            return folder
    return None
