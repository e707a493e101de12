"""Frames of the serial line: a line of text each, `~<kind><sequence> <arguments>*<crc>` and LF.

Knows no message. The check is the low 16 bits of CRC-32, four hexadecimal digits, over what stands
between tilde and asterisk. All bytes are printable ASCII, so nothing on the line is a Ctrl-C, and
what a REPL prints between two frames is skipped and counted.
Source: docs/protocol.md; CRC-32 as in ISO 3309 (`binascii.crc32`).
"""

from binascii import crc32

FRAME_BYTES_MAX = 80  # with tilde and LF
SEQUENCE_MAX = 99


def encode(kind: str, sequence: int, arguments: str = "") -> bytes:
    """One frame: `kind` a capital, `sequence` 0 to 99, `arguments` ASCII without a tilde."""
    body = "%s%d %s" % (kind, sequence, arguments)
    data = body.encode()
    frame = b"~" + data + b"*%04X\n" % (crc32(data) & 0xFFFF)
    assert len(frame) <= FRAME_BYTES_MAX, body
    return frame


def decode(line: bytes) -> "tuple[str, int, str] | None":
    """Kind, sequence and arguments of one line without its LF; None if it is no frame of ours."""
    start = line.rfind(b"~")
    if start < 0 or len(line) - start >= FRAME_BYTES_MAX or len(line) - start < 9:
        return None
    body, star, check = line[start + 1 : -5], line[-5:-4], line[-4:]
    if star != b"*" or check != b"%04X" % (crc32(body) & 0xFFFF):
        return None
    if not all(0x20 <= byte < 0x7F for byte in body):
        return None
    head, space, arguments = body.decode().partition(" ")
    kind, sequence = head[:1], head[1:]
    is_number = 1 <= len(sequence) <= 2 and all(c in "0123456789" for c in sequence)
    if not space or not "A" <= kind <= "Z" or not is_number:
        return None
    return kind, int(sequence), arguments


class Splitter:
    """Bytes in any pieces go in, frames come out; noise is counted and forgotten."""

    def __init__(self) -> None:
        self.noise = 0  # lines that were no frame
        self._line = bytearray()

    def push(self, data: bytes) -> "list[tuple[str, int, str]]":
        """The frames that `data` completes."""
        frames = []
        for byte in data:
            if byte != 0x0A:
                if len(self._line) >= 2 * FRAME_BYTES_MAX:  # nobody ends this line: keep its tail
                    self._line = self._line[FRAME_BYTES_MAX:]
                self._line.append(byte)
                continue
            frame = decode(bytes(self._line).rstrip(b"\r"))
            if frame is not None:
                frames.append(frame)
            elif self._line:
                self.noise += 1
            self._line = bytearray()
        return frames
