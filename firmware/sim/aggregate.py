"""Millions of boxes as arrays: which exchange each of three slots has, and when it acts next.

For sizes at which one object per box is too much. The rules are those of overlay/registrar, with
its constants; town.py runs that code itself, and a test compares the two. Steps of STEP_S; round
trips are a part of the waits. Units: `_s` virtual seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from firmware.overlay.exchange.limits import Limits
from firmware.overlay.registrar.link import KEEP_S, REPEATS_S
from firmware.overlay.registrar.registrar import BUSY_S, EXCHANGES, PROBED_MAX, REJOIN_S
from firmware.sim import report
from firmware.sim.report import Json
from firmware.sim.world import Progress

STEP_S = 0.5
SHOWN_S = 1.0
BOXES_PER_EXCHANGE = 20
STARTS_S = 60.0
ENTER_S = 0.5  # token and entry: two round trips, and the wait for other offers
SILENT_S = 2.5  # until exchanges that do not answer a question are given up
RTT_MEDIAN_S, RTT_SPREAD = 0.1, 0.7  # of exchanges, lognormal
HEALED = 0.99
WATCHED_MAX = 300_000
_NEVER = np.float32(np.inf)

Indices = npt.NDArray[np.int64]
_NOBODY: Indices = np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class Crowd:
    """`boxes` times EXCHANGES slots: an exchange or -1, and when something is due there."""

    boxes: int
    exchanges: int
    seed: int
    limit: int = field(default_factory=lambda: Limits().registrations)
    now_s: float = 0.0
    events: int = 0
    dice: np.random.Generator = field(init=False)
    slots: npt.NDArray[np.int32] = field(init=False)
    due_s: npt.NDArray[np.float32] = field(init=False)
    is_up: npt.NDArray[np.bool_] = field(init=False)
    serves: npt.NDArray[np.bool_] = field(init=False)
    born_s: npt.NDArray[np.float32] = field(init=False)
    joined_s: npt.NDArray[np.float32] = field(init=False)
    load: npt.NDArray[np.int64] = field(init=False)
    asked: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Nobody is registered; everybody begins within STARTS_S."""
        self.dice = np.random.default_rng([self.seed, 5])
        shape = (self.boxes, EXCHANGES)
        self.slots = np.full(shape, -1, dtype=np.int32)
        begin_s = self.dice.random(self.boxes, dtype=np.float32) * np.float32(STARTS_S)
        self.due_s = np.repeat(begin_s[:, None], EXCHANGES, axis=1)
        self.is_up = np.ones(self.boxes, dtype=np.bool_)
        self.serves = np.ones(self.exchanges, dtype=np.bool_)
        self.born_s = np.zeros(self.exchanges, dtype=np.float32)  # it knows nobody from before
        self.joined_s = np.zeros(shape, dtype=np.float32)
        self.load = np.zeros(self.exchanges, dtype=np.int64)
        self.asked = np.zeros(self.exchanges, dtype=np.int64)  # since it was looked at last

    def step(self) -> None:
        """STEP_S of the life of all."""
        self.now_s += STEP_S
        rows, columns = _where(self.due_s <= np.float32(self.now_s))
        self.events += len(rows)
        exchanges = self.slots[rows, columns]
        has = exchanges >= 0
        self._notice(rows[has], columns[has])
        self._attempt(rows[~has], columns[~has])

    def change(self, dying: Indices, back: Indices) -> None:
        """Exchanges fall silent, others are back and know nobody.

        Their boxes notice at the next keep-alive.
        """
        self.serves[dying], self.load[dying] = False, 0
        self.serves[back], self.born_s[back] = True, self.now_s
        self._schedule_notice(np.concatenate([dying, back]))

    def stop(self, which: Indices) -> None:
        """These boxes are off; exchanges keep their place until it expires, here at once."""
        self.is_up[which] = False
        for column in range(EXCHANGES):
            slots = self.slots[which, column]
            self._leave(slots[slots >= 0], which[slots >= 0], column)
        self.due_s[which] = _NEVER

    def start(self, which: Indices) -> None:
        """They begin anew; what they remember is some exchanges."""
        self.is_up[which] = True
        self.due_s[which] = np.float32(self.now_s)

    def reachable(self) -> float:
        """Fraction, of the boxes that are on, of those to which a call would come through.

        One box is like another: the first WATCHED_MAX stand for all.
        """
        is_up = self.is_up[:WATCHED_MAX]
        served = np.zeros(len(is_up), dtype=np.bool_)
        for column in range(EXCHANGES):
            slots = self.slots[:WATCHED_MAX, column]
            held = np.maximum(slots, 0)
            knows = self.joined_s[:WATCHED_MAX, column] >= self.born_s[held]
            served |= (slots >= 0) & self.serves[held] & knows
        reached, on = np.count_nonzero(served & is_up), np.count_nonzero(is_up)
        return int(reached) / max(1, int(on))

    # --- what boxes do -----------------------------------------------------------------------

    def _notice(self, rows: Indices, columns: Indices) -> None:
        """An exchange was found silent, or has forgotten us."""
        exchanges = self.slots[rows, columns]
        knows = self.serves[exchanges] & (self.joined_s[rows, columns] >= self.born_s[exchanges])
        self.due_s[rows[knows], columns[knows]] = _NEVER
        rows, columns, exchanges = rows[~knows], columns[~knows], exchanges[~knows]
        self.slots[rows, columns] = -1
        back = self.serves[exchanges]  # there again: it is asked at once, and refuses if it is full
        self._enter(rows[back], columns[back], exchanges[back])
        self._wait(rows[~back], columns[~back])

    def _attempt(self, rows: Indices, columns: Indices) -> None:
        """Ask some exchanges, and choose the best of those that answer."""
        on = self.is_up[rows]
        rows, columns = rows[on], columns[on]
        if not len(rows):
            return
        asked = self.dice.integers(self.exchanges, size=(len(rows), PROBED_MAX))
        np.add.at(self.asked, asked.ravel(), 1)
        rtt_s = RTT_MEDIAN_S * np.exp(RTT_SPREAD * self.dice.standard_normal(asked.shape))
        cost_s = rtt_s + BUSY_S * (np.minimum(1.0, self.load[asked] / self.limit)) ** 2
        cost_s[~self.serves[asked] | (self.load[asked] >= self.limit)] = np.inf
        for column in range(EXCHANGES):  # never the same exchange twice
            cost_s[asked == self.slots[rows, column][:, None]] = np.inf
        best = np.argmin(cost_s, axis=1)
        chosen = asked[np.arange(len(rows)), best]
        is_offered = np.isfinite(cost_s[np.arange(len(rows)), best])
        nobody = ~is_offered
        self.due_s[rows[nobody], columns[nobody]] = np.float32(self.now_s + SILENT_S)
        self._enter(rows[is_offered], columns[is_offered], chosen[is_offered])

    def _enter(self, rows: Indices, columns: Indices, exchanges: npt.NDArray[np.integer]) -> None:
        """Exchanges take whom they have room for, in the order in which they come."""
        if not len(rows):
            return
        np.add.at(self.asked, exchanges, 1)
        order = self.dice.permutation(len(rows))
        order = order[np.argsort(exchanges[order], kind="stable")]
        sorted_exchanges = exchanges[order]
        first = np.searchsorted(sorted_exchanges, sorted_exchanges, side="left")
        place = np.arange(len(order)) - first
        twice = self._is_twice(rows[order], columns[order], sorted_exchanges)
        taken = (self.load[sorted_exchanges] + place < self.limit) & ~twice
        rows, columns, exchanges = rows[order], columns[order], sorted_exchanges
        np.add.at(self.load, exchanges[taken], 1)
        self.slots[rows[taken], columns[taken]] = exchanges[taken]
        self.joined_s[rows[taken], columns[taken]] = np.float32(self.now_s)
        self.due_s[rows[taken], columns[taken]] = _NEVER
        self.due_s[rows[~taken], columns[~taken]] = np.float32(self.now_s + ENTER_S)

    def _is_twice(
        self, rows: Indices, columns: Indices, exchanges: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.bool_]:
        """True if another slot of that box already has this exchange, or is getting it now."""
        pairs = rows * np.int64(self.exchanges) + exchanges
        _, firsts = np.unique(pairs, return_index=True)
        is_repeated = np.ones(len(rows), dtype=np.bool_)
        is_repeated[firsts] = False
        for column in range(EXCHANGES):
            is_repeated |= (self.slots[rows, column] == exchanges) & (columns != column)
        return is_repeated

    def _wait(self, rows: Indices, columns: Indices) -> None:
        """Who still has another exchange lets others go first."""
        has_another = np.zeros(len(rows), dtype=np.bool_)
        for column in range(EXCHANGES):
            slots = self.slots[rows, column]
            has_another |= (slots >= 0) & self.serves[np.maximum(slots, 0)]
        jitter = 0.5 + self.dice.random(len(rows))
        wait_s = np.where(has_another, REJOIN_S / 2 * jitter, 0.0) + ENTER_S
        self.due_s[rows, columns] = (self.now_s + wait_s).astype(np.float32)

    def _schedule_notice(self, which: Indices) -> None:
        if not len(which):
            return
        is_meant = np.zeros(self.exchanges + 1, dtype=np.bool_)
        is_meant[which] = True  # the last one stands for "none"
        rows, columns = _where(is_meant[self.slots])
        keep_s = self.dice.random(len(rows)) * KEEP_S
        silent_s = np.where(self.serves[self.slots[rows, columns]], 0.0, sum(REPEATS_S))
        self.due_s[rows, columns] = (self.now_s + keep_s + silent_s).astype(np.float32)

    def _leave(self, slots: npt.NDArray[np.int32], rows: Indices, column: int) -> None:
        present = self.serves[slots] & (self.joined_s[rows, column] >= self.born_s[slots])
        np.subtract.at(self.load, slots[present], 1)
        self.slots[rows, column] = -1


def blackout(
    boxes: int, seed: int, progress: Progress | None, dying: float, before_s: float, after_s: float
) -> Json:
    """As sim/blackout.py, for many."""
    crowd = Crowd(boxes, max(6, boxes // BOXES_PER_EXCHANGE), seed)
    watch = Watch(crowd, before_s, progress, before_s + after_s)
    watch.run(before_s)
    dead = crowd.dice.choice(crowd.exchanges, round(dying * crowd.exchanges), replace=False)
    crowd.change(dead, _NOBODY)
    watch.run(before_s + after_s)
    return watch.json(len(dead))


def restart(boxes: int, seed: int, progress: Progress | None, within_s: float) -> Json:
    """All boxes and all exchanges are off for a while, each once within `within_s` (2007)."""
    crowd = Crowd(boxes, max(6, boxes // BOXES_PER_EXCHANGE), seed)
    began_s, end_s = 120.0, 120.0 + within_s + 300.0
    watch = Watch(crowd, began_s, progress, end_s, calm_s=within_s + DOWN_MAX_S)
    watch.run(began_s)
    dice = crowd.dice
    box_s = began_s + dice.random(boxes) * within_s
    exchange_s = began_s + dice.random(crowd.exchanges) * within_s
    box_back_s = box_s + DOWN_MIN_S + dice.random(boxes) * (DOWN_MAX_S - DOWN_MIN_S)
    back_s = exchange_s + DOWN_MIN_S + dice.random(crowd.exchanges) * (DOWN_MAX_S - DOWN_MIN_S)
    while crowd.now_s < end_s:
        since_s, until_s = crowd.now_s, crowd.now_s + STEP_S
        crowd.stop(_within(box_s, since_s, until_s))
        crowd.start(_within(box_back_s, since_s, until_s))
        crowd.change(_within(exchange_s, since_s, until_s), _within(back_s, since_s, until_s))
        watch.run(until_s)
    return watch.json(0)


DOWN_MIN_S, DOWN_MAX_S = 30.0, 120.0


class Watch:
    """A row a second, from which healing is told; the blow is at `blow_s` and lasts `calm_s`."""

    def __init__(
        self,
        crowd: Crowd,
        blow_s: float,
        progress: Progress | None,
        end_s: float,
        *,
        calm_s: float = 0.0,
    ) -> None:
        self._calm_s = calm_s
        self._crowd, self._blow_s = crowd, blow_s
        self._progress, self._end_s = progress, end_s
        self._shown_s = 0.0
        self.timeline = report.Timeline("reachable", "load", "questions_per_s")

    def run(self, until_s: float) -> None:
        """Let time pass."""
        crowd = self._crowd
        while crowd.now_s < until_s:
            crowd.step()
            if crowd.now_s - self._shown_s < SHOWN_S:
                continue
            passed_s, self._shown_s = crowd.now_s - self._shown_s, crowd.now_s
            asked = float(crowd.asked.max()) / passed_s
            crowd.asked[:] = 0
            load = float(crowd.load.max()) / crowd.limit
            self.timeline.add(crowd.now_s - self._blow_s, crowd.reachable(), load, asked)
            if self._progress is not None:
                self._progress("in aggregate", crowd.now_s / self._end_s)

    def json(self, dead: int) -> Json:
        """The report."""
        crowd = self._crowd
        return healing(self.timeline, crowd.limit, self._calm_s) | {
            "model": {
                "form": "aggregate",
                "exchanges": crowd.exchanges,
                "dead": dead,
                "boxes_per_exchange": BOXES_PER_EXCHANGE,
                "step_s": STEP_S,
            },
            "network": {"events": crowd.events},
        }


def healing(timeline: report.Timeline, limit: int, calm_s: float = 0.0) -> Json:
    """What the timeline says about the time after the blow, which is at 0 and lasts `calm_s`."""
    before = [row for row in timeline.rows if row[0] <= 0]
    after = [row for row in timeline.rows if row[0] > 0]
    return {
        "healing": {
            "reachable_before": before[-1][1],
            "reachable_at_worst": min(row[1] for row in after),
            "reachable_after": after[-1][1],
            "healed_s": healed_s([row for row in after if row[0] > calm_s], calm_s),
            "registrations_limit": limit,
            "load_max": max(row[2] for row in timeline.rows),
            "questions_per_s_max": max(row[3] for row in after),
        },
        "timeline": timeline.json(),
    }


def healed_s(rows: list[tuple[float, ...]], calm_s: float) -> float | None:
    """How long after `calm_s` HEALED of the boxes rang, to the end; None = never."""
    healed: float | None = None
    for row in rows:
        if row[1] < HEALED:
            healed = None
        elif healed is None:
            healed = row[0] - calm_s
    return healed


def _where(mask: npt.NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Row and column of what is true; several times as fast as `nonzero` of two dimensions."""
    rows, columns = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, columns


def _within(at_s: npt.NDArray[np.float64], since_s: float, until_s: float) -> Indices:
    return np.nonzero((at_s > since_s) & (at_s <= until_s))[0]
