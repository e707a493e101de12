"""What a phone is made of: the configuration, and the files of its state."""

from __future__ import annotations

import logging

from firmware.call.pins import decode_pins
from firmware.codec.echo import is_available as echo_canceller_is_available
from firmware.codec.speech import available_codecs
from firmware.config import Config
from firmware.errors import ConfigError
from firmware.handset import Handset
from firmware.model import Codec, Endpoint
from firmware.overlay.contacts import CONTACTS_FILE, decode_contacts
from firmware.overlay.dht.acquaintances import NODES_FILE, decode_nodes
from firmware.overlay.dht.bootstrap import PUBLIC_ROUTERS
from firmware.overlay.exchange.limits import Limits
from firmware.overlay.fallback import TUNNELS_FILE, decode_tunnels
from firmware.overlay.registrar.pool import EXCHANGES_FILE, decode_exchanges
from firmware.phone import PhoneSetup
from firmware.shell.jobs import Argon2Cost, prove_number
from firmware.shell.state import IDENTITY, PEERS, StateDir
from firmware.ui.call_log import CALLS_FILE, decode_calls
from firmware.ui.mouthpiece import Echo, HandsetSound

logger = logging.getLogger(__name__)


def phone_setup(config: Config, handset: Handset, state: StateDir) -> PhoneSetup:
    """Read identity and pins, prove our number (one hash, before anything else runs)."""
    identity_file = state.load_identity()
    number = certificate = None
    if identity_file.modifier is not None:
        number = prove_number(identity_file, Argon2Cost(), str(state.path / IDENTITY))
        certificate = identity_file.identity.certify(identity_file.modifier, config.identity.name)
    pins = state.read(PEERS)
    return PhoneSetup(
        identity=identity_file.identity,
        certificate=certificate,
        number=number,
        name=config.identity.name,
        bootstrap=config.network.bootstrap,
        country=config.audio.country,
        language=config.display.language,
        display_height=handset.oled.height,
        codecs=usable_codecs(config, available_codecs()),
        names=config.contacts,
        pins=decode_pins(pins, str(state.path / PEERS)) if pins is not None else {},
        contacts=tuple(state.restore(CONTACTS_FILE, decode_contacts) or ()),
        known_nodes=state.restore(NODES_FILE, decode_nodes),
        exchanges=config.network.exchanges,
        known_exchanges=state.restore(EXCHANGES_FILE, decode_exchanges) or (),
        tls_exchanges=config.network.tls_exchanges,
        known_tunnels=state.restore(TUNNELS_FILE, decode_tunnels) or (),
        tls_port=Endpoint.parse(config.exchange.tls).port if config.exchange.tls else None,
        direct=config.network.direct,
        port_mapping=config.network.port_mapping,
        help=config.exchange.help,
        limits=Limits(
            config.exchange.registrations,
            config.exchange.channels,
            1000 * config.exchange.kilobytes_per_s,
        ),
        last_resort=PUBLIC_ROUTERS if config.uses_public_routers else (),
        calls=state.restore(CALLS_FILE, decode_calls) or (),
        sound=_handset_sound(handset),
        dtx=config.codec.dtx,
        packet_ms=config.codec.packet_ms,
    )


def _handset_sound(handset: Handset) -> HandsetSound:
    """How this handset sounds; a canceller that is missing is said once."""
    audio = handset.audio
    if audio.echo != Echo.OFF and not echo_canceller_is_available():
        logger.warning("echoes are not cancelled: libspeexdsp is missing")
    return HandsetSound(
        Echo(audio.echo),
        audio.microphone_db,
        audio.earpiece_db,
        audio.side_tone_db,
        tone_keys=handset.keys_sound,
    )


def usable_codecs(config: Config, available: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """Those of `[codec] preference` that this machine has; ConfigError if it has none of them."""
    preferred = config.codec.preference
    missing = [codec for codec in preferred if codec not in available]
    if len(missing) == len(preferred):
        raise ConfigError(
            f"{config.source}: [codec] preference: none of them works on this machine"
        )
    for codec in missing:
        logger.warning("codec %s is not offered: its library is missing", codec)
    return tuple(codec for codec in preferred if codec in available)
