"""Report descriptors of telephones, by hand after HID Usage Tables 1.4 and the devices' manuals."""

from __future__ import annotations

# A handset as the Telephony page means it: hook, flash, mute and a key pad as an array; output
# report with off-hook, ring, mute and message lamps. Report id 1 in, 2 out.
HANDSET = bytes.fromhex(
    "050b 0901 a101"  # Telephony, Phone, application
    "8501 0920 0921 092f 1500 2501 7501 9503 8122"  # hook, flash, mute: 3 bits, no preferred
    "9505 8101"  # padding
    "0906 a102 19b0 29bb 1501 250c 7508 9501 8140 c0"  # key pad: an array with a null state
    "8502 0508 0917 0918 0909 0919 1500 2501 7501 9504 9122 9504 9101"
    "c0"
)
# A headset: one button that toggles (relative hook), no report ids, an LED byte.
HEADSET = bytes.fromhex(
    "050b 0905 a101 0920 092f 1500 2501 7501 9502 8106 9506 8101"
    "0508 0917 0918 9502 9102 9506 9101 c0"
)
KEYBOARD = bytes.fromhex(
    "0501 0906 a101 0507 19e0 29e7 1500 2501 7501 9508 8102 7508 9501 8101"
    "9505 7501 0508 1901 2905 9102 9501 7503 9101"
    "9506 7508 1500 2565 0507 1900 2965 8100 c0"
)


def handset_report(
    *, lifted: bool = False, key: str = "", flash: bool = False, mute: bool = False
) -> bytes:
    """An input report of HANDSET."""
    bits = lifted | flash << 1 | mute << 2
    return bytes([1, bits, "0123456789*#".index(key) + 1 if key else 0])
