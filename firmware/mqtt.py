"""The bridge to a broker of MQTT, for Home Assistant and others: what happens, and dialling.

Whoever may write to the broker may dial if `[mqtt] may_dial` says so; a message that the broker has
kept (retained) is no wish. A broker that is away is tried again, less and less often.
Units: `_s` seconds. Sources: MQTT 3.1.1; Home Assistant, "MQTT", discovery.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from firmware.config import MqttSettings
from firmware.errors import CommandError, ConfigError
from firmware.shell.control import Handler

if TYPE_CHECKING:
    import aiomqtt

logger = logging.getLogger(__name__)

FIRST_WAIT_S, WAIT_MAX_S = 1.0, 120.0  # before the broker is tried again
LOOK_S = 2.0  # what nobody wakes us for is told so late
KEEP_ALIVE_S = 30
TIMEOUT_S = 10.0
FAREWELL_S = 0.5
WISHES_MAX = 8  # that wait
PAYLOAD_BYTES_MAX = 256
DISCOVERY = "homeassistant"
STATE_KEYS = ("state", "peer_number", "peer_name", "reason", "reachable", "codec", "path")
FIGURES = ("missed", "messages_new")
ENTITIES: dict[str, dict[str, Any]] = {  # by kind and name: what is special to each
    "sensor/state": {"name": "State", "value_template": "{{ value_json.state }}", "attributes": 1},
    "sensor/missed": {"name": "Missed calls", "value_template": "{{ value_json.missed }}"},
    "sensor/messages": {
        "name": "New messages",
        "value_template": "{{ value_json.messages_new }}",
    },
    "binary_sensor/ring": {
        "name": "Ring",
        "value_template": "{{ 'ON' if value_json.state == 'ringing' else 'OFF' }}",
        "device_class": "sound",
    },
    "binary_sensor/call": {
        "name": "Call",
        "value_template": "{{ 'ON' if value_json.state == 'connected' else 'OFF' }}",
        "device_class": "running",
    },
    "binary_sensor/reachable": {
        "name": "Reachable",
        "value_template": "{{ 'ON' if value_json.reachable else 'OFF' }}",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
    },
}
COMMANDS: dict[str, dict[str, Any]] = {
    "text/dial": {"name": "Dial", "min": 1, "max": 64, "pattern": "[0-9*# ]+"},
    "button/hang-up": {"name": "Hang up"},
}
View = dict[str, Any]


class Bridge:
    """One broker; `handlers` are those of remote.py and archive.py."""

    def __init__(
        self,
        settings: MqttSettings,
        handlers: Mapping[str, Handler],
        name: str,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        try:
            import aiomqtt
        except ImportError:
            raise ConfigError("[mqtt] needs aiomqtt: pip install aiomqtt") from None
        self._mqtt = aiomqtt
        self._settings, self._handlers, self._name = settings, handlers, name
        self._first_wait_s = first_wait_s
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The call has changed: tell it now."""
        self._woken.set()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        number = await self._number()
        wait_s = self._first_wait_s
        while True:
            try:
                async with self._connected(number) as client:
                    logger.info("the broker %s has us", self._settings.broker)
                    wait_s = self._first_wait_s
                    await self._serve(client, number)
            except (self._mqtt.MqttError, OSError) as error:
                logger.warning("broker %s: %s", self._settings.broker, error)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, WAIT_MAX_S)

    @contextlib.asynccontextmanager
    async def _connected(self, number: str) -> AsyncIterator[aiomqtt.Client]:
        settings, base = self._settings, topic(number)
        host, _, port = settings.broker.rpartition(":")
        client = self._mqtt.Client(
            host.strip("[]"),
            int(port),
            username=settings.username or None,
            password=settings.password or None,
            identifier=f"fernruf-{number}",
            will=self._mqtt.Will(f"{base}/available", b"offline", qos=1, retain=True),
            keepalive=KEEP_ALIVE_S,
            timeout=TIMEOUT_S,
            tls_context=ssl.create_default_context() if settings.tls else None,
            max_queued_incoming_messages=WISHES_MAX,
        )
        async with client:
            for each, payload in discovery(number, self._name, may_dial=settings.may_dial):
                await client.publish(each, payload, qos=1, retain=True)
            if settings.may_dial:
                for command in COMMANDS:
                    await client.subscribe(f"{base}/{command.partition('/')[2]}", qos=1)
            await client.publish(f"{base}/available", b"online", qos=1, retain=True)
            try:
                yield client
            finally:
                with contextlib.suppress(self._mqtt.MqttError, TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await client.publish(f"{base}/available", b"offline", qos=1, retain=True)

    async def _serve(self, client: aiomqtt.Client, number: str) -> None:
        """Until the broker is gone; a group of tasks would forget that we were cancelled then."""
        telling = asyncio.ensure_future(self._tell(client, number))
        try:
            await self._obey(client, number)
        finally:
            telling.cancel()
            await asyncio.wait([telling])
        if not telling.cancelled():
            telling.result()

    async def _tell(self, client: aiomqtt.Client, number: str) -> None:
        told: View = {}
        while True:
            self._woken.clear()
            now = await self._look()
            if now != told:
                payload = json.dumps(now)
                await client.publish(f"{topic(number)}/state", payload, qos=1, retain=True)
                for event in events(told, now):
                    await client.publish(f"{topic(number)}/event", json.dumps(event), qos=1)
                told = now
            await self._rest()

    async def _obey(self, client: aiomqtt.Client, number: str) -> None:
        async for message in client.messages:
            command = message.topic.value.removeprefix(f"{topic(number)}/")
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if message.retain or len(payload) > PAYLOAD_BYTES_MAX:
                continue
            try:
                if command == "dial":
                    digits = payload.decode("ascii", "replace").replace(" ", "")
                    await self._handlers["dial"]({"digits": digits})
                elif command == "hang-up":
                    await self._handlers["hang_up"]({})
            except CommandError as error:
                logger.info("what the broker asked for cannot be: %s", error)
                await client.publish(f"{topic(number)}/refused", str(error), qos=1)

    async def _look(self) -> View:
        status, figures = await self._handlers["status"]({}), await self._handlers["archive"]({})
        return {key: status[key] for key in STATE_KEYS} | {key: figures[key] for key in FIGURES}

    async def _number(self) -> str:
        """Once it is made."""
        while True:
            self._woken.clear()
            if number := (await self._handlers["status"]({}))["number"]:
                return str(number)
            await self._rest()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), LOOK_S)


def topic(number: str) -> str:
    """Above all that we say."""
    return f"fernruf/{number}"


def discovery(number: str, name: str, *, may_dial: bool) -> list[tuple[str, str]]:
    """Topic and payload of each entity; a command that is not allowed is taken away again."""
    base = topic(number)
    about = {
        "availability_topic": f"{base}/available",
        "device": {
            "identifiers": [f"fernruf_{number}"],
            "name": name or "Fernruf",
            "manufacturer": "Fernruf",
            "model": "Telephone",
        },
    }
    found: list[tuple[str, str]] = []
    for key, special in (ENTITIES | COMMANDS).items():
        kind, _, entity = key.partition("/")
        config = about | special | {"unique_id": f"fernruf_{number}_{entity}"}
        if config.pop("attributes", None):
            config["json_attributes_topic"] = f"{base}/state"
        config["command_topic" if key in COMMANDS else "state_topic"] = (
            f"{base}/{entity}" if key in COMMANDS else f"{base}/state"
        )
        is_offered = may_dial or key not in COMMANDS
        payload = json.dumps(config) if is_offered else ""
        found.append((f"{DISCOVERY}/{kind}/fernruf_{number}/{entity}/config", payload))
    bell = about | {
        "name": "Calls",
        "unique_id": f"fernruf_{number}_event",
        "state_topic": f"{base}/event",
        "event_types": ["ring", "missed", "message"],
    }
    return [*found, (f"{DISCOVERY}/event/fernruf_{number}/event/config", json.dumps(bell))]


def events(before: View, now: View) -> list[View]:
    """What has happened; nothing at the first look."""
    if not before:
        return []
    happened = []
    if now["state"] == "ringing" != before["state"]:
        happened.append("ring")
    happened += [
        event
        for event, key in (("missed", "missed"), ("message", "messages_new"))
        if now[key] > before[key]
    ]
    who = now if now["peer_number"] else before
    return [
        {"event_type": each, "peer_number": who["peer_number"], "peer_name": who["peer_name"]}
        for each in happened
    ]
