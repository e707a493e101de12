"""The seam between sound and path: where packets go, and what was heard from where.

Knows neither. In a telephone the path core is the route; LastHeard is one without any search.
"""

from __future__ import annotations

from typing import Protocol

from firmware.model import Endpoint


class Route(Protocol):
    """What the sound wants of a path."""

    def destinations(self, now_s: float) -> tuple[Endpoint, ...]:
        """Where each packet goes, the way in use first; more than one while that is in doubt."""

    def heard(self, source: Endpoint, now_s: float, *, is_first: bool = True) -> None:
        """An authentic packet came from `source`; False = it is a copy, or not the newest."""


class LastHeard:
    """Where the newest authentic packet came from, `remote` before there is one."""

    def __init__(self, remote: Endpoint) -> None:
        self._remote = remote

    def destinations(self, now_s: float) -> tuple[Endpoint, ...]:
        """One endpoint."""
        del now_s
        return (self._remote,)

    def heard(self, source: Endpoint, now_s: float, *, is_first: bool = True) -> None:
        """A straggler from the path before must not turn us back."""
        del now_s
        if is_first:
            self._remote = source
