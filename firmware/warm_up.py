"""What a call needs and a telephone that waits does not: made ready when one lifts, or it rings.

In a thread of its own, for it takes a tenth of a second, ten times that on a small machine.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from firmware.codec import opus
from firmware.media import srtp
from firmware.shell.memory import let_go_of_files

logger = logging.getLogger(__name__)

SETTLED_S = 8.0  # after the answer: paths are found, echoes are learnt

_once = threading.Lock()  # held for ever by the first who measures


def begin() -> None:
    """Returns at once; harmless again."""
    threading.Thread(target=_get_ready, name="cipher", daemon=True).start()


def let_go(loop: asyncio.AbstractEventLoop) -> None:
    """A call stands: soon after, what only its beginning needed leaves the memory."""
    thread = threading.Thread(target=let_go_of_files, name="let go", daemon=True)
    loop.call_later(SETTLED_S, thread.start)


def _get_ready() -> None:
    srtp.get_ready()
    if opus.is_available() and _once.acquire(blocking=False):
        found = opus.measure_fitness(_seconds_of)
        logger.info(
            "decoder of complexity %d: %.2f ms a frame, %.2f ms for one that is lost%s",
            found.complexity,
            1000 * found.decode_s,
            1000 * found.conceal_s,
            " (deep PLC)" if found.has_deep_concealment else "",
        )


def _seconds_of(work: Callable[[], object]) -> float:
    """Of this thread: what others do meanwhile does not count."""
    before_s = time.thread_time()
    work()
    return time.thread_time() - before_s
