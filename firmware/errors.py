"""Errors, typed by who must act. Our own mistakes are assertions, not errors."""


class FirmwareError(Exception):
    """Root of all; catch a subclass, never this."""


class MalformedError(FirmwareError):
    """A peer broke the specification. The core drops the datagram, counts it, goes on."""


class HardwareError(FirmwareError):
    """A chip is absent or failed. The task that owns it retries with back-off."""


class ConfigError(FirmwareError):
    """The operator must change a file or an argument. Stop at once and name file and key."""


class CommandError(FirmwareError):
    """A command of the command line did not work; its text is the one line on stderr."""
