"""Priority: which threads the kernel runs before all others, so that load elsewhere delays none.

A thread takes a priority for itself; where the system does not permit that, everything goes on
without, later under load. Source: Linux, sched(7), SCHED_RR.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator

logger = logging.getLogger(__name__)

SOUND = 10  # of 1 to 99: before everything that is neither sound nor contact
CONTACTS = 15  # a look takes a fraction of a millisecond; a contact that is missed is lost
ORDINARY = 0


def take(priority: int, *, inherited: bool = False) -> None:
    """The calling thread has `priority` from now on; threads it starts only if `inherited`."""
    try:
        policy = os.SCHED_OTHER if priority == ORDINARY else os.SCHED_RR
        if priority != ORDINARY and not inherited:
            policy |= os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except (AttributeError, OSError) as error:
        logger.debug("no real-time priority: %s", error)


@contextlib.contextmanager
def for_new_threads(priority: int) -> Iterator[None]:
    """Threads that a library starts meanwhile have `priority`; the calling one only until then."""
    take(priority, inherited=True)
    try:
        yield
    finally:
        take(ORDINARY)
