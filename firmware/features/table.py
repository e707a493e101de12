"""All services: a new one is a file and a line here. The order is that in which they are asked."""

from __future__ import annotations

from collections.abc import Callable

from firmware.features.call_return import CallReturn
from firmware.features.call_waiting import CallWaiting
from firmware.features.dictation import Dictation
from firmware.features.do_not_disturb import DoNotDisturb
from firmware.features.emergency import Emergency
from firmware.features.feature import Feature
from firmware.features.forwarding import ForwardAlways, ForwardBusy, ForwardNoAnswer
from firmware.features.greeting import Greeting
from firmware.features.inbox import Inbox
from firmware.features.machine import Machine
from firmware.features.messages import Messages
from firmware.features.missed import Missed
from firmware.features.name_first import NameFirst
from firmware.features.outbox import Outbox
from firmware.features.put_through import PutThrough
from firmware.features.quiet_hours import QuietHours
from firmware.features.redial import Redial
from firmware.features.reject_anonymous import RejectAnonymous
from firmware.features.slips import Slips
from firmware.features.speed_dial import SpeedDial
from firmware.features.strangers import Strangers
from firmware.features.waiting_lines import WaitingLines
from firmware.features.wake_up import WakeUp
from firmware.features.withhold import Withhold

FEATURES: tuple[Callable[[], Feature], ...] = (
    Emergency,
    RejectAnonymous,
    ForwardAlways,
    Machine,  # before the next, in the place of which it answers
    DoNotDisturb,
    ForwardBusy,
    CallWaiting,
    QuietHours,
    Strangers,
    NameFirst,
    ForwardNoAnswer,
    Withhold,
    SpeedDial,
    Redial,
    CallReturn,
    Missed,
    Slips,  # after it: what it keeps of a missed call is on the card before the slip is
    Dictation,
    Outbox,
    Inbox,
    Greeting,
    Messages,
    WakeUp,
    PutThrough,
    WaitingLines,
)
