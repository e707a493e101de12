"""All services: a new one is a file and a line here. The order is that in which they are asked."""

from __future__ import annotations

from collections.abc import Callable

from firmware.features.emergency import Emergency
from firmware.features.feature import Feature

FEATURES: tuple[Callable[[], Feature], ...] = (Emergency,)
