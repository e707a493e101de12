"""Random hands on three telephones: nothing they do leaves one stuck or a call half open.

Keys, flashes, lifting, replacing and time in any order. Afterwards every handset is replaced and
people are quiet: every telephone comes to rest, and no other end still believes in a call.
The test that is marked slow takes 100,000 steps.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from firmware import events
from firmware.call.line import LEGS_MAX
from firmware.events import Message
from firmware.events.strangers import (
    AcceptCall,
    AskName,
    DemandStamp,
    DismissCall,
    RingForName,
)
from firmware.media.session import MEDIA_TIMEOUT_S
from firmware.model import CallState, Place, Screening
from tests.call.link import Link, Phone, person

NAMES = ("Anna", "Bert", "Clara")
DIALS_BY_TONES = "Clara"  # her microphone hears the keys
REST_S = 80.0  # longer than any bell sounds for a caller that is gone
STEPS_A_RUN = 60
DIFFICULTY = 3
PHONES = st.integers(0, len(NAMES) - 1)
# keys that mean something more often than others
KEYS = st.sampled_from("01234*#" + "5C" + "D9")
PAUSES_S = st.sampled_from((0.0, 0.01, 0.1, 0.5, 2.0, 11.0))
HANG_UPS = 4  # one in so many is done: else nobody would ever talk for long


class Hands(RuleBasedStateMachine):
    """Three people who press, lift and flash whatever they like."""

    def __init__(self) -> None:
        super().__init__()
        self.link = Link()
        self.phones = [self.link.add(name, keys_sound=name == DIALS_BY_TONES) for name in NAMES]
        self.is_lifted = [False] * len(NAMES)
        self.strangers = "ring"
        self.link.verdict = self.judge

    def judge(self, offer: events.CallOffered) -> Message:
        """What a telephone thinks of a caller at the moment."""
        if offer.is_referred or self.strangers == "ring":
            return offer
        if self.strangers == "name":
            return AskName(offer.call)
        return offer if offer.zero_bits >= DIFFICULTY else DemandStamp(offer.call, DIFFICULTY)

    @rule(kind=st.sampled_from(("ring", "ring", "name", "stamp")))
    def judge_strangers(self, kind: str) -> None:
        self.strangers = kind

    @rule(who=PHONES, step=st.sampled_from((RingForName, RingForName, AcceptCall, DismissCall)))
    def hear_name(self, who: int, step: type[RingForName | AcceptCall | DismissCall]) -> None:
        """What the service of names would say at some time."""
        phone = self.phones[who]
        self.link.tell(phone, step(phone.view.call))

    @rule(who=PHONES, held=PHONES, to=PHONES, is_answered=st.booleans())
    def put_through(self, who: int, held: int, to: int, is_answered: bool) -> None:
        """A transfer, if nothing is in its way; dial holds and dials."""
        if len({who, held, to}) < len(NAMES):
            return
        self.call(who, held)
        self.dial(who, to)
        if is_answered:
            self.answer(to)
        if self.is_lifted[who]:
            self.move_handset(who)

    @rule(who=PHONES, dice=st.integers(1, HANG_UPS))
    def lift_or_replace(self, who: int, dice: int) -> None:
        if dice == HANG_UPS or not self.is_lifted[who]:
            self.move_handset(who)

    def move_handset(self, who: int) -> None:
        fact = events.HookReplaced() if self.is_lifted[who] else events.HookLifted()
        self.is_lifted[who] = not self.is_lifted[who]
        self.link.tell(self.phones[who], fact)

    @rule(who=PHONES, keys=st.text(KEYS, min_size=1, max_size=4))
    def press(self, who: int, keys: str) -> None:
        for key in keys:
            self.link.tell(self.phones[who], events.KeyPressed(key))

    @rule(who=PHONES, digit=st.sampled_from(("", "0", "1", "2", "3", "4")))
    def flash(self, who: int, digit: str) -> None:
        if self.is_lifted[who]:
            self.link.tell(self.phones[who], events.HookFlashed())
            self.press(who, digit)

    @rule(who=PHONES, callee=PHONES)
    def dial(self, who: int, callee: int) -> None:
        """From dial tone; from a conversation after a flash; from rest by lifting first."""
        phone = self.phones[who]
        if phone.view.state is CallState.IDLE:
            self.move_handset(who)
        elif phone.view.state is CallState.CONNECTED:
            self.flash(who, "")
        for key in self.phones[callee].person.number:
            self.link.tell(phone, events.KeyPressed(key))
        self.link.run(1.0)

    @rule(who=PHONES, callee=PHONES)
    def call(self, who: int, callee: int) -> None:
        """A call that comes about, if nothing is in its way."""
        self.dial(who, callee)
        self.answer(callee)

    @rule(who=PHONES)
    def answer(self, who: int) -> None:
        """The bell sounds, or somebody waits in the ear."""
        phone = self.phones[who]
        if phone.view.state is CallState.RINGING:
            self.move_handset(who)
        elif any(other.place is Place.WAITING for other in phone.view.others):
            self.flash(who, "2")
        self.link.run(0.5)

    @rule(who=PHONES, loss=st.booleans())
    def lose_sound(self, who: int, loss: bool) -> None:
        calls = self.phones[who].core.calls()
        if calls and loss and calls[-1].state is CallState.CONNECTED:
            self.link.tell(self.phones[who], events.MediaLost(calls[-1].call))

    @precondition(lambda self: self.link.now_s < 3000.0)
    @rule(pause_s=PAUSES_S)
    def wait(self, pause_s: float) -> None:
        self.link.run(pause_s)
        for phone in self.phones:
            check(phone)

    def teardown(self) -> None:
        """Everybody hangs up; what nobody touches any more comes to rest by itself."""
        for who, phone in enumerate(self.phones):
            if self.is_lifted[who]:
                self.link.tell(phone, events.HookReplaced())
            is_at_rest = phone.view.state in (CallState.IDLE, CallState.RINGING)
            assert is_at_rest or phone.view.screening is Screening.ASKED, phone.view
        self.link.run(MEDIA_TIMEOUT_S)
        for phone in self.phones:
            rings = (call.state is CallState.RINGING for call in phone.core.calls())
            is_asked = phone.view.screening is Screening.ASKED  # ASK_S_MAX ends it
            assert all(rings) or is_asked, "half open"
        self.link.run(REST_S)
        for phone in self.phones:
            assert phone.view.state is CallState.IDLE and not phone.view.others, phone.view
            assert not phone.rings and phone.core.calls() == []
            assert phone.core.deadline_s() is None, "at rest nothing is ever due"
            check(phone)


def check(phone: Phone) -> None:
    """What is true at any time."""
    view = phone.view
    assert len(view.others) < LEGS_MAX
    for opens, closes in (
        (events.OpenEarpiece, events.CloseEarpiece),
        (events.OpenMicrophone, events.CloseMicrophone),
        (events.StartRinging, events.StopRinging),
    ):
        assert len(phone.asked(opens)) - len(phone.asked(closes)) in (0, 1)
    is_open = len(phone.asked(events.OpenMicrophone)) > len(phone.asked(events.CloseMicrophone))
    is_talking = view.state is CallState.CONNECTED and view.screening is None
    held = any(other.place is not Place.WAITING for other in view.others)
    if phone.person is person(DIALS_BY_TONES):
        hears = len(phone.asked(events.OpenEarpiece)) > len(phone.asked(events.CloseEarpiece))
        assert is_open is hears, "keys are heard whenever somebody may press them"
    else:
        assert is_open is (is_talking or held), "somebody listens exactly while there is a call"
    prepared = len(phone.asked(events.PrepareMedia)) - len(phone.asked(events.StopMedia))
    assert 0 <= prepared <= LEGS_MAX


def random_hands(steps: int) -> None:
    """So many random steps, the same ones each time."""
    run_state_machine_as_test(
        Hands,
        settings=settings(
            max_examples=max(steps // STEPS_A_RUN, 1),
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_hands_never_leave_a_telephone_stuck_or_a_call_half_open() -> None:
    random_hands(1_500)


@pytest.mark.slow
def test_hundred_thousand_random_steps() -> None:
    random_hands(100_000)
