"""SRTP with AEAD_AES_128_GCM: one sender and one receiver per call, each with a key of its own.

Knows no codec and no address. A key is used for one direction of one call, never again.
Sources: RFC 3711 (packet index, replay), RFC 7714 (AES-GCM). The cipher is libsrtp's.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from firmware.errors import MalformedError
from firmware.media.rtp import HEADER_BYTES

if TYPE_CHECKING:
    from pylibsrtp import Policy

KEY_BYTES = 16 + 12  # master key and master salt, RFC 7714 section 12
TAG_BYTES = 16
PACKET_BYTES_MAX = 1300  # of RTP; far above a frame of any codec, and below any path MTU
SSRC_MAX = 8  # sources one authenticated peer may use in a call; each costs memory


class ReplayedError(MalformedError):
    """An authentic packet for the second time: a duplicate of the network, or an attack."""


def get_ready() -> None:
    """Load the library, from any thread: a telephone that waits does without it.

    Takes some 30 ms when it is first called, which a call would have to wait for.
    """
    _library()


class SrtpSender:
    """Protects the packets we send."""

    def __init__(self, key: bytes) -> None:
        library = _library()
        self._session = library.Session(_policy(key, library.Policy.SSRC_ANY_OUTBOUND))

    def protect(self, packet: bytes) -> bytes:
        """The SRTP packet of an RTP packet; TAG_BYTES longer."""
        assert HEADER_BYTES <= len(packet) <= PACKET_BYTES_MAX
        protected: bytes = self._session.protect(packet)
        return protected

    def protect_report(self, compound: bytes) -> bytes:
        """The SRTCP packet of an RTCP compound; TAG_BYTES and an index of 4 bytes longer."""
        protected: bytes = self._session.protect_rtcp(compound)
        return protected


class SrtpReceiver:
    """Authenticates and decrypts the packets of the peer."""

    def __init__(self, key: bytes) -> None:
        library = _library()
        self._error: type[Exception] = library.Error
        self._session = library.Session(_policy(key, library.Policy.SSRC_ANY_INBOUND))
        self._ssrcs: set[bytes] = set()

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet in an SRTP packet; MalformedError if it is forged, ReplayedError if old.

        The peer may change its SSRC until it has used SSRC_MAX of them.
        """
        if not HEADER_BYTES + TAG_BYTES <= len(packet) <= PACKET_BYTES_MAX + TAG_BYTES:
            raise MalformedError(f"SRTP packet of {len(packet)} bytes")
        ssrc = packet[8:12]
        if ssrc not in self._ssrcs and len(self._ssrcs) >= SSRC_MAX:
            raise MalformedError("the peer changed its SSRC too often")
        try:
            clear: bytes = self._session.unprotect(packet)
        except self._error as error:
            text = str(error)
            raise (ReplayedError if text.startswith("replay") else MalformedError)(text) from None
        self._ssrcs.add(ssrc)
        return clear

    def unprotect_report(self, packet: bytes) -> bytes:
        """The RTCP compound in an SRTCP packet; raises as `unprotect`."""
        if not 8 + TAG_BYTES + 4 <= len(packet) <= PACKET_BYTES_MAX + TAG_BYTES:
            raise MalformedError(f"SRTCP packet of {len(packet)} bytes")
        ssrc = packet[4:8]
        if ssrc not in self._ssrcs and len(self._ssrcs) >= SSRC_MAX:
            raise MalformedError("the peer changed its SSRC too often")
        try:
            clear: bytes = self._session.unprotect_rtcp(packet)
        except self._error as error:
            text = str(error)
            raise (ReplayedError if text.startswith("replay") else MalformedError)(text) from None
        self._ssrcs.add(ssrc)
        return clear


def _policy(key: bytes, ssrc_type: int) -> Policy:
    assert len(key) == KEY_BYTES
    policy = _library().Policy
    profile = policy.SRTP_PROFILE_AEAD_AES_128_GCM
    made: Policy = policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile)
    return made


def _library() -> ModuleType:
    import pylibsrtp

    return pylibsrtp
