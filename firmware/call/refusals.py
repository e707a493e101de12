"""What the callee's refusal means to the caller, who hears a tone and reads a text.

Source: RFC 3261 section 21 (status codes).
"""

from __future__ import annotations

from firmware.call import messages
from firmware.model import EndReason

REFUSED: dict[type[messages.Refusal], EndReason] = {
    messages.NotFound: EndReason.UNREACHABLE,
    messages.Noted: EndReason.UNREACHABLE,  # an answer to nothing that we have said
    messages.TryLater: EndReason.NO_ANSWER,
    messages.Busy: EndReason.BUSY,
    messages.NotAcceptable: EndReason.NO_COMMON_CODEC,
    messages.Decline: EndReason.DECLINED,
    messages.StampWanted: EndReason.DECLINED,  # of what is no call; of a call: work.py
    messages.AnonymityDisallowed: EndReason.ANONYMOUS_REFUSED,
    messages.DoNotDisturb: EndReason.DO_NOT_DISTURB,
}

# What a caller is told when somebody here has a reason; any other reason is told as Decline.
RESPONSES: dict[EndReason, messages.Refusal] = {
    EndReason.NO_ANSWER: messages.TryLater(),
    EndReason.BUSY: messages.Busy(),
    EndReason.ANONYMOUS_REFUSED: messages.AnonymityDisallowed(),
    EndReason.DO_NOT_DISTURB: messages.DoNotDisturb(),
}
