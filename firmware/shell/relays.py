"""The data path of an exchange: carries the DATA frames of established channels past the core.

The core decides which channels exist, what they may carry and where their legs are; here is only
what has to happen with each of fifty thousand frames a second. A frame is carried if it names a leg
and comes from that leg's own address; everything else is left for the core: other frames, unknown
identifiers, legs that have moved. Units: `_s` monotonic seconds, `_bytes` of channel frames.
Source: docs/protocol.md section 6.
"""

from __future__ import annotations

import math

import numpy as np

from firmware.channel import DATA_HEAD_BYTES, ID_BYTES, Kind
from firmware.demux import CHANNEL_FIRST_BYTE, DATAGRAM_BYTES_MAX
from firmware.events.network import CloseRelay, LimitRelays, OpenRelay, RelayLeg, RelayUse
from firmware.shell.batches import Batches, Lengths, encode_name, name_bytes

SLOTS_AT_FIRST = 64  # a power of two below 2 * RELAYS_MAX, and doubled until there
RELAYS_MAX = 8_192  # above the channels of any exchange; beyond it the core carries by itself
REFILL_S = 0.05  # how often quotas grow
DATA = bytes((CHANNEL_FIRST_BYTE, Kind.DATA))  # then comes the identifier of the leg


class Relays:
    """The open relays of one socket of `family`.

    Each has two slots, 2n and 2n + 1: what comes from a leg is counted in the slot of that leg. A
    slot may use what it is allowed, which grows with time up to a burst above what it has used.
    """

    def __init__(self, family: int) -> None:
        self.refused = 0  # above RELAYS_MAX, or between legs that cannot be
        self.carried = 0  # frames
        self._family = family
        self._head_bytes = name_bytes(family) + DATA_HEAD_BYTES
        self._slot_by_head: dict[bytes, int] = {}  # by address and first bytes of its frames
        self._slot_by_leg: dict[bytes, int] = {}
        self._free: list[int] = []  # first slots
        self._top = 0  # slots from here on were never used
        slots = SLOTS_AT_FIRST
        self._leg_ids = [b""] * slots
        self._leaving = np.zeros((slots, self._head_bytes), np.uint8)  # the head to put on frames
        self._used = np.zeros(slots, np.int64)
        self._told = np.zeros(slots, np.int64)  # of `_used`, in the last report
        self._dropped = np.zeros(slots, np.int64)  # frames, since the last report
        self._allowed, self._burst, self._per_s = (np.zeros(slots) for _ in range(3))
        self._total_used, self._total_allowed, self._total_per_s = 0.0, math.inf, math.inf
        self._refilled_s = math.inf

    def __len__(self) -> int:
        return len(self._slot_by_leg) // 2

    def limit(self, command: LimitRelays) -> None:
        """From now on all relays together carry no more than that."""
        self._total_per_s = command.bytes_per_s
        self._total_used, self._total_allowed = 0.0, float(command.bytes_per_s)

    def open(self, command: OpenRelay) -> None:
        """In place of any relay that has one of these legs."""
        legs = (command.first, command.second)
        for leg in legs:
            self.close(CloseRelay(leg.leg_id))
        try:
            heads = [self._head(leg) for leg in legs]
        except ValueError:
            self.refused += 1
            return
        slot = self._take_slots() if heads[0] != heads[1] else None
        if slot is None:
            self.refused += 1
            return
        for index, leg in enumerate(legs):
            here = slot + index
            self._slot_by_head[heads[index]] = self._slot_by_leg[leg.leg_id] = here
            self._leg_ids[here] = leg.leg_id
            self._leaving[here] = np.frombuffer(heads[1 - index], np.uint8)
            self._used[here] = self._told[here] = self._dropped[here] = 0
            self._burst[here] = self._allowed[here] = command.burst_bytes
            self._per_s[here] = command.bytes_per_s

    def close(self, command: CloseRelay) -> None:
        """Either leg names the relay; it may be closed already."""
        slot = self._slot_by_leg.get(command.leg_id)
        if slot is None:
            return
        for here in (slot, slot ^ 1):
            del self._slot_by_leg[self._leg_ids[here]]
            del self._slot_by_head[self._leaving[here ^ 1].tobytes()]
        self._free.append(slot & ~1)

    def carry(self, batch: Batches, lengths: Lengths, now_s: float) -> list[int]:
        """Send on what can be; returns the rows that are for the core."""
        count, size = len(lengths), self._head_bytes
        if not count:
            return []
        heads = batch.rows[:count, :size].tobytes()
        find = self._slot_by_head.get
        found = [find(heads[at : at + size], -1) for at in range(0, count * size, size)]
        slots = np.array(found, np.intp)
        slots[(lengths <= DATA_HEAD_BYTES) | (lengths > DATAGRAM_BYTES_MAX)] = -1
        if int(slots.max()) < 0:
            return list(range(count))
        self._refill(now_s)
        rows, others = np.arange(count), np.arange(0)
        if int(slots.min()) < 0:
            rows, others = np.flatnonzero(slots >= 0), np.flatnonzero(slots < 0)
            slots, lengths = slots[rows], lengths[rows]
        over = self._used[slots] >= self._allowed[slots]
        if self._total_used >= self._total_allowed or over.any():
            over |= self._total_used >= self._total_allowed
            np.add.at(self._dropped, slots[over], 1)
            rows, slots, lengths = rows[~over], slots[~over], lengths[~over]
        np.add.at(self._used, slots, lengths)
        self._total_used += float(lengths.sum())
        self.carried += len(rows)
        batch.rows[rows, :size] = self._leaving[slots]
        batch.send(rows, lengths)
        return others.tolist()

    def report(self) -> tuple[RelayUse, ...]:
        """Of each open leg that has said something since the last report."""
        top = self._top
        used, told, dropped = self._used[:top], self._told[:top], self._dropped[:top]
        uses = tuple(
            RelayUse(self._leg_ids[slot], int(used[slot] - told[slot]), int(dropped[slot]))
            for slot in np.flatnonzero((used != told) | (dropped != 0)).tolist()
            if self._slot_by_leg.get(self._leg_ids[slot]) == slot
        )
        told[:] = used
        dropped[:] = 0
        return uses

    def _head(self, leg: RelayLeg) -> bytes:
        """What a row begins with if it holds a frame of that leg; ValueError if that cannot be."""
        if len(leg.leg_id) != ID_BYTES:
            raise ValueError("identifier of a leg of wrong length")
        return encode_name(leg.endpoint, self._family) + DATA + leg.leg_id

    def _take_slots(self) -> int | None:
        if self._free:
            return self._free.pop()
        if self._top == len(self._leg_ids):
            if self._top >= 2 * RELAYS_MAX:
                return None
            self._grow()
        self._top += 2
        return self._top - 2

    def _grow(self) -> None:
        """Twice as many slots: a box that relays for nobody keeps no memory for it."""
        more = len(self._leg_ids)
        self._leg_ids += [b""] * more
        self._leaving = np.concatenate((self._leaving, np.zeros_like(self._leaving)))
        self._used, self._told, self._dropped = (
            np.concatenate((column, np.zeros_like(column)))
            for column in (self._used, self._told, self._dropped)
        )
        self._allowed, self._burst, self._per_s = (
            np.concatenate((column, np.zeros_like(column)))
            for column in (self._allowed, self._burst, self._per_s)
        )

    def _refill(self, now_s: float) -> None:
        passed_s = now_s - self._refilled_s
        if 0.0 <= passed_s < REFILL_S:
            return
        self._refilled_s = now_s
        if passed_s < 0.0:
            return  # the first time: every burst is whole
        top = self._top
        self._allowed[:top] = np.minimum(
            self._allowed[:top] + self._per_s[:top] * passed_s, self._used[:top] + self._burst[:top]
        )
        self._total_allowed = min(
            self._total_allowed + self._total_per_s * passed_s,
            self._total_used + self._total_per_s,  # a second's worth at once
        )
