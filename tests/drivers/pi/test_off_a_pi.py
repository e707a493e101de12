"""The real chips' drivers where there is no chip: a HardwareError that says so, and no traces."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback
from firmware.drivers.pi.i2c import LinuxI2c
from firmware.errors import HardwareError

OPEN_HEADER = """
import os
from firmware.drivers.pi.gpio import PiGpio
from firmware.errors import HardwareError
try:
    PiGpio().close()
    print("a header")
except HardwareError as error:
    print(error)
print(os.getcwd(), os.listdir("."))
"""


@pytest.mark.parametrize("environment", [{}, {"RPI_LGPIO_REVISION": "c03114"}])
def test_gpio_header_leaves_the_current_directory_as_it_was(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", OPEN_HEADER],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, directory = run.stdout.splitlines()
    assert outcome == "a header" or "GPIO header" in outcome
    assert directory == f"{tmp_path} []"


def test_i2c_bus_that_is_missing_is_a_hardware_error() -> None:
    with pytest.raises(HardwareError, match="no I2C bus /dev/i2c-250"):
        LinuxI2c(250)


@pytest.mark.parametrize("chip", [AlsaCapture, AlsaPlayback])
def test_alsa_device_that_is_missing_is_a_hardware_error_with_its_name(
    chip: type[AlsaCapture] | type[AlsaPlayback],
) -> None:
    with pytest.raises(HardwareError, match="ALSA device nothing_of_this_name"):
        chip("nothing_of_this_name")
