"""Health of one part: says once that it failed, once that it works again, and when to try again.

Knows no chip. Not for two threads at once.
Units: `_s` seconds.
"""

from __future__ import annotations

import logging

from firmware.events import Fact, HardwareFailed, HardwareRecovered
from firmware.model import Part

logger = logging.getLogger(__name__)

RETRY_FIRST_S = 0.25
RETRY_MAX_S = 8.0  # a plug that is put back is noticed within a few words


class Health:
    """Of a part that was never heard of, we assume that it works."""

    def __init__(self, part: Part, retry_max_s: float = RETRY_MAX_S) -> None:
        self.part, self._retry_max_s = part, retry_max_s
        self.failures = 0  # since it last worked

    def failed(self, reason: object) -> Fact | None:
        """It failed: the fact to report, None if that was said already."""
        self.failures += 1
        if self.failures > 1:
            return None
        logger.warning("%s failed: %s", self.part, reason)
        return HardwareFailed(self.part, str(reason))

    def worked(self) -> Fact | None:
        """It works: the fact to report, None if nobody doubted it."""
        if self.failures == 0:
            return None
        self.failures = 0
        logger.warning("%s works again", self.part)
        return HardwareRecovered(self.part)

    def retry_s(self) -> float:
        """How long to wait after a failure, doubling up to the most."""
        doublings = min(max(self.failures - 1, 0), 16)
        return min(RETRY_FIRST_S * 2.0**doublings, self._retry_max_s)
