"""The bridge with a real broker: discovery, what happens, dialling, and a broker that goes away."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from firmware.config import MqttSettings, parse_config
from firmware.errors import CommandError, ConfigError
from firmware.mqtt import COMMANDS, ENTITIES, Bridge, discovery, events

NUMBER = "471108151234"
WAIT_S = 20.0
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
KEPT: dict[aiomqtt.Client, list[aiomqtt.Message]] = {}


class Telephone:
    """What the bridge looks at, and whom it asks."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {
            "number": NUMBER, "state": "idle", "peer_number": None, "peer_name": None,
            "reason": None, "reachable": True, "codec": None, "path": None,
        }  # fmt: skip
        self.figures = {"missed": 0, "messages_new": 0}
        self.dialled: asyncio.Queue[str] = asyncio.Queue()

    def handlers(self) -> dict[str, Any]:
        async def status(_request: Mapping[str, Any]) -> dict[str, Any]:
            return self.status

        async def archive(_request: Mapping[str, Any]) -> dict[str, Any]:
            return self.figures

        async def dial(request: Mapping[str, Any]) -> dict[str, Any]:
            if self.status["state"] != "idle":
                raise CommandError("the telephone is not free: ringing")
            self.dialled.put_nowait(request["digits"])
            return {}

        async def hang_up(_request: Mapping[str, Any]) -> dict[str, Any]:
            self.dialled.put_nowait("hung up")
            return {}

        return {"status": status, "archive": archive, "dial": dial, "hang_up": hang_up}


@contextlib.asynccontextmanager
async def broker(folder: Path, port: int) -> AsyncIterator[None]:
    """Debian's, which keeps nothing over its end."""
    assert MOSQUITTO, "tools/install.sh installs it"
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/users\n"
        f"user {getpass.getuser()}\nlog_dest stderr\n"
    )
    users = folder / "users"
    users.touch(0o600)
    made = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", str(users), "fernruf", "secret"
    )
    assert await made.wait() == 0
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO, "-c", str(config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(WAIT_S):
            while b" running" not in (line := await process.stderr.readline()):
                assert line, "it ended"
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


@contextlib.asynccontextmanager
async def house(port: int) -> AsyncIterator[aiomqtt.Client]:
    """Home Assistant's part."""
    async with aiomqtt.Client("127.0.0.1", port, username="fernruf", password="secret") as client:
        await client.subscribe("#")
        yield client


async def heard(client: aiomqtt.Client, topic: str, has: str = "") -> str:
    """The first message of this kind; what comes before it is asked for later."""
    kept: list[aiomqtt.Message] = KEPT.setdefault(client, [])
    async with asyncio.timeout(WAIT_S):
        while True:
            for message in kept:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                if message.topic.matches(topic) and has in payload.decode():
                    kept.remove(message)
                    return payload.decode()
            kept.append(await anext(client.messages))


def tell(
    tmp_path: Path, story: Callable[[int, Telephone, Bridge], Awaitable[None]], **more: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    telephone = Telephone()

    async def run() -> None:
        settings = MqttSettings(f"127.0.0.1:{port}", "fernruf", "secret", **more)
        bridge = Bridge(settings, telephone.handlers(), "Oma", first_wait_s=0.05)
        running = asyncio.create_task(bridge.run())
        await story(port, telephone, bridge)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


def test_telephone_is_discovered_and_tells_what_happens(tmp_path: Path) -> None:
    async def story(port: int, telephone: Telephone, bridge: Bridge) -> None:
        async with broker(tmp_path, port), house(port) as client:
            config = json.loads(await heard(client, "homeassistant/sensor/+/state/config"))
            assert config["state_topic"] == f"fernruf/{NUMBER}/state"
            assert config["device"]["name"] == "Oma"
            assert await heard(client, f"fernruf/{NUMBER}/available") == "online"
            assert json.loads(await heard(client, config["state_topic"]))["state"] == "idle"
            telephone.status |= {"state": "ringing", "peer_number": "852120305277"}
            bridge.wake()
            rings = json.loads(await heard(client, f"fernruf/{NUMBER}/event"))
            assert rings == {
                "event_type": "ring", "peer_number": "852120305277", "peer_name": None
            }  # fmt: skip
            telephone.status |= {"state": "idle"}
            telephone.figures["missed"] = 1
            bridge.wake()
            await heard(client, f"fernruf/{NUMBER}/event", '"missed"')

    tell(tmp_path, story)


def test_dialling_needs_leave_and_no_kept_message_dials(tmp_path: Path) -> None:
    async def story(port: int, telephone: Telephone, bridge: Bridge) -> None:
        async with broker(tmp_path, port), house(port) as client:
            base = f"fernruf/{NUMBER}"
            await heard(client, f"{base}/available", "online")
            await client.publish(f"{base}/dial", "x" * 300, qos=1)
            await client.publish(f"{base}/dial", "8521 2030 5277", qos=1)
            await client.publish(f"{base}/hang-up", "PRESS", qos=1)
            telephone.status["state"] = "idle"
            done = [await asyncio.wait_for(telephone.dialled.get(), WAIT_S) for _ in range(2)]
            assert done == ["852120305277", "hung up"]
            telephone.status["state"] = "ringing"
            await client.publish(f"{base}/dial", "1", qos=1)
            assert "not free" in await heard(client, f"{base}/refused")

    tell(tmp_path, story, may_dial=True)


def test_broker_that_comes_back_is_told_all_again(tmp_path: Path) -> None:
    async def story(port: int, telephone: Telephone, bridge: Bridge) -> None:
        for _ in range(2):
            async with broker(tmp_path, port), house(port) as client:
                await heard(client, f"fernruf/{NUMBER}/available", "online")
                await heard(client, f"fernruf/{NUMBER}/state", "idle")
            telephone.figures["missed"] += 1

    tell(tmp_path, story)


def test_commands_that_are_not_allowed_are_taken_from_the_house() -> None:
    for may_dial in (True, False):
        offered = dict(discovery(NUMBER, "", may_dial=may_dial))
        assert len(offered) == len(ENTITIES) + len(COMMANDS) + 1
        dial = offered[f"homeassistant/text/fernruf_{NUMBER}/dial/config"]
        assert bool(dial) is may_dial


def test_first_look_is_no_event() -> None:
    now = {"state": "ringing", "missed": 3, "messages_new": 1, "peer_number": "1", "peer_name": ""}
    assert events({}, now) == []
    assert events(now, now) == []


def test_broker_in_the_configuration() -> None:
    config = parse_config('[mqtt]\nbroker = "ha.local:1883"\nmay_dial = true', "box.toml")
    assert config.mqtt == MqttSettings("ha.local:1883", may_dial=True)
    assert "secret" not in repr(MqttSettings("a:1", password="secret"))
    with pytest.raises(ConfigError, match="broker"):
        parse_config('[mqtt]\nbroker = "ha.local"', "box.toml")
