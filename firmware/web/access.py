"""Who may see the page: a code from the display, then a session; nobody from far away.

The first visit asks for six digits that the OLED shows, so whoever sees the telephone may see its
page, and nobody else. Knows no socket and no clock: the caller passes `now_s`.
Units: `_s` monotonic seconds. Source: OWASP's session management cheat sheet; DNS rebinding is
met by the names we answer to.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

CODE_DIGITS = 6
CODE_S = 300.0  # a code is good for so long after it was first asked for
GUESSES_MAX = 5  # of one code; then there is another one
PAUSE_S = 30.0  # before the next code, when one was guessed at in vain; it doubles each time
SESSION_S = 30 * 86_400.0  # since it was last used
SESSIONS_MAX = 32
TOKEN_BYTES = 32
PAUSE_MAX_S = 900.0  # of codes and of passwords
INVITATION_S = 600.0
INVITATIONS_MAX = 8


@dataclass(slots=True)
class _Code:
    digits: str
    until_s: float
    guesses: int = 0


@dataclass(slots=True)
class Access:
    """The doorkeeper of one box. `names` are the host names by which the page may be asked for."""

    random_bytes: Callable[[int], bytes]
    names: frozenset[str] = frozenset({"localhost"})
    _code: _Code | None = None
    _paused_until_s: float = 0.0
    _burnt: int = 0  # codes that were guessed at in vain since the last right one
    _misses: int = 0  # wrong passwords since the last right one
    _password_from_s: float = 0.0
    _sessions: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    _invitations: OrderedDict[bytes, float] = field(default_factory=OrderedDict)

    def invite(self, now_s: float) -> str:
        """A token that opens one session, once: for who started the box and sees its terminal."""
        token = self.random_bytes(TOKEN_BYTES).hex()
        self._invitations[_digest(token)] = now_s + INVITATION_S
        while len(self._invitations) > INVITATIONS_MAX:
            self._invitations.popitem(last=False)
        return token

    def accept(self, invitation: str, now_s: float) -> str | None:
        """A new session's token for an invitation, which is used up; None for any other text."""
        until_s = self._invitations.pop(_digest(invitation), 0.0)
        return self._begin(now_s) if now_s < until_s else None

    def code_wait_s(self, now_s: float) -> float:
        """How long the next code has to wait; 0 = not at all."""
        return max(0.0, self._paused_until_s - now_s)

    def code(self, now_s: float) -> str | None:
        """The digits that the display shall show; None while guesses have to wait."""
        if now_s < self._paused_until_s:
            return None
        if self._code is None or now_s >= self._code.until_s:
            number = int.from_bytes(self.random_bytes(8), "big") % 10**CODE_DIGITS
            self._code = _Code(f"{number:0{CODE_DIGITS}}", now_s + CODE_S)
        return self._code.digits

    def enter(self, digits: str, now_s: float) -> str | None:
        """A new session's token for the right code, which is used up; None for a wrong one."""
        code = self._code
        if code is None or now_s >= code.until_s or now_s < self._paused_until_s:
            return None
        code.guesses += 1
        said = digits.encode("utf-8", "surrogatepass")
        is_right = hmac.compare_digest(said, code.digits.encode())
        if not is_right and code.guesses < GUESSES_MAX:
            return None
        self._code = None
        if not is_right:
            self._burnt += 1
            self._paused_until_s = now_s + _pause_s(self._burnt)
            return None
        self._burnt = 0
        return self._begin(now_s)

    def password_wait_s(self, now_s: float) -> float:
        """How long the next password has to wait; 0 = not at all."""
        return max(0.0, self._password_from_s - now_s)

    def tried_password(self, now_s: float, *, is_right: bool) -> str | None:
        """A new session's token for the right one; after a few wrong ones the next has to wait."""
        if is_right:
            self._misses = 0
            return self._begin(now_s)
        self._misses += 1
        rounds, rest = divmod(self._misses, GUESSES_MAX)
        if not rest:
            self._password_from_s = now_s + _pause_s(rounds)
        return None

    def end_others(self, token: str) -> None:
        """End all sessions but this one: after the password was changed."""
        kept = _digest(token)
        for key in [each for each in self._sessions if each != kept]:
            del self._sessions[key]

    def knows(self, token: str, now_s: float) -> bool:
        """True if the token belongs to a session, which is thereby used."""
        key = _digest(token)  # a hash, so the time of the look-up tells nothing of the token
        used_s = self._sessions.get(key)
        if used_s is None or now_s - used_s >= SESSION_S:
            self._sessions.pop(key, None)
            return False
        self._sessions[key] = now_s
        self._sessions.move_to_end(key)
        return True

    def leave(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(_digest(token), None)

    def answers_to(self, host: str) -> bool:
        """True for an address, or a name that is ours: another name is somebody's trick."""
        name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
        name = name.strip("[]").lower().rstrip(".")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return True

    def _begin(self, now_s: float) -> str:
        token = self.random_bytes(TOKEN_BYTES).hex()
        self._sessions[_digest(token)] = now_s
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return token


def is_near(address: str) -> bool:
    """True for an address of this computer or of a local network (RFC 1918, 3927, 4193, 4291)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_private or (mapped or ip).is_link_local


def _pause_s(rounds: int) -> float:
    """After so many rounds of guesses in vain."""
    return min(PAUSE_S * 2.0 ** min(rounds - 1, 10), PAUSE_MAX_S)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
