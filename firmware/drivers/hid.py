"""HID: what the reports of a device mean, read from its report descriptor.

Knows bytes, no device. A usage is `page << 16 | id`. A descriptor comes from a device that anybody
can plug in: whatever it holds, parse() raises MalformedError or gives a layout within the limits.
Source: USB Device Class Definition for HID 1.11, section 6.2.2; HID Usage Tables 1.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from firmware.errors import MalformedError

DESCRIPTOR_BYTES_MAX = 4096  # HID_MAX_DESCRIPTOR_SIZE of Linux
FIELDS_MAX = 256
REPORT_BITS_MAX = 8 * 256
USAGES_MAX = 1024  # of one field

_INPUT, _OUTPUT, _FEATURE, _COLLECTION, _END_COLLECTION = 8, 9, 11, 10, 12
_MAIN, _GLOBAL, _LOCAL = 0, 1, 2
_CONSTANT, _VARIABLE, _RELATIVE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Field:
    """`count` values of `size_bits` each, from bit `offset_bits` of the report on (id excluded)."""

    report_id: int
    offset_bits: int
    size_bits: int
    count: int
    usages: tuple[int, ...]
    least: int  # logical minimum: an array holds `least` + index into `usages`
    is_array: bool
    is_relative: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """All fields of a device."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    has_ids: bool  # reports begin with their id

    def usages(self) -> frozenset[int]:
        """Everything that it can tell."""
        return frozenset(usage for part in self.inputs for usage in part.usages)

    def active(self, report: bytes) -> tuple[int, dict[int, bool]]:
        """Report id, and which usages of that report are on; MalformedError if it is too short."""
        report_id, data = (report[0], report[1:]) if self.has_ids and report else (0, report)
        bits = int.from_bytes(data, "little")
        states: dict[int, bool] = {}
        for part in self.inputs:
            if part.report_id != report_id:
                continue
            if part.offset_bits + part.size_bits * part.count > 8 * len(data):
                raise MalformedError("a report shorter than its descriptor says")
            _read_field(part, bits, states)
        return report_id, states

    def output_reports(self, on: frozenset[int]) -> list[bytes]:
        """The output reports that set the usages of `on`, and clear all others they have."""
        values: dict[int, int] = {}
        ends: dict[int, int] = {}
        for part in self.outputs:
            last = part.offset_bits + part.size_bits * part.count
            ends[part.report_id] = max(ends.get(part.report_id, 0), last)
            bits = _write_field(part, on)
            values[part.report_id] = values.get(part.report_id, 0) | bits << part.offset_bits
        return [
            bytes([report_id]) + values[report_id].to_bytes((end + 7) // 8, "little")
            for report_id, end in sorted(ends.items())
        ]  # hidraw wants the id in front even where it is 0


@dataclass(frozen=True, slots=True)
class _Globals:
    page: int = 0
    least: int = 0
    size_bits: int = 0
    count: int = 0
    report_id: int = 0


@dataclass(slots=True)
class _Locals:
    usages: list[int] = field(default_factory=list)
    first: int | None = None  # usage minimum


def parse(descriptor: bytes) -> Layout:
    """The layout that a report descriptor describes; MalformedError if it describes none."""
    if len(descriptor) > DESCRIPTOR_BYTES_MAX:
        raise MalformedError("a report descriptor that is too long")
    return _Parser().run(descriptor)


class _Parser:
    def __init__(self) -> None:
        self._globals, self._locals = _Globals(), _Locals()
        self._stack: list[_Globals] = []
        self._ends: dict[tuple[int, int], int] = {}  # tag and report id: bits so far
        self._fields: dict[int, list[Field]] = {_INPUT: [], _OUTPUT: [], _FEATURE: []}
        self._depth = 0
        self._has_ids = False

    def run(self, descriptor: bytes) -> Layout:
        at = 0
        while at < len(descriptor):
            prefix = descriptor[at]
            if prefix == 0xFE:  # long item: nobody has ever defined one
                size = descriptor[at + 1] + 2 if at + 1 < len(descriptor) else 0
                at += 1 + size
                if not size or at > len(descriptor):
                    raise MalformedError("a long item without an end")
                continue
            size = (0, 1, 2, 4)[prefix & 3]
            data = descriptor[at + 1 : at + 1 + size]
            if len(data) < size:
                raise MalformedError("an item without its data")
            at += 1 + size
            self._item(prefix >> 2 & 3, prefix >> 4, data)
        if self._depth:
            raise MalformedError("a collection without an end")
        return Layout(
            tuple(self._fields[_INPUT]),
            tuple(self._fields[_OUTPUT]),
            self._has_ids,
        )

    def _item(self, kind: int, tag: int, data: bytes) -> None:
        if kind == _GLOBAL:
            self._global(tag, data)
        elif kind == _LOCAL:
            self._local(tag, data)
        elif kind == _MAIN:
            self._main(tag, int.from_bytes(data, "little"))
            self._locals = _Locals()

    def _global(self, tag: int, data: bytes) -> None:
        value = int.from_bytes(data, "little")
        if tag == 0:
            self._globals = replace(self._globals, page=value & 0xFFFF)
        elif tag == 1:
            least = int.from_bytes(data, "little", signed=True)
            self._globals = replace(self._globals, least=least)
        elif tag == 7:
            self._globals = replace(self._globals, size_bits=value)
        elif tag == 8:
            if not 0 < value < 256:
                raise MalformedError("a report id out of range")
            self._globals = replace(self._globals, report_id=value)
            self._has_ids = True
        elif tag == 9:
            self._globals = replace(self._globals, count=value)
        elif tag == 10:
            if len(self._stack) > 8:
                raise MalformedError("too many pushes")
            self._stack.append(self._globals)
        elif tag == 11:
            if not self._stack:
                raise MalformedError("a pop without a push")
            self._globals = self._stack.pop()

    def _local(self, tag: int, data: bytes) -> None:
        value = int.from_bytes(data, "little")
        usage = value if len(data) == 4 else self._globals.page << 16 | value
        if tag == 0:
            self._locals.usages.append(usage)
        elif tag == 1:
            self._locals.first = usage
        elif tag == 2 and self._locals.first is not None:
            if not 0 <= usage - self._locals.first < USAGES_MAX:
                raise MalformedError("a range of usages that is too long")
            self._locals.usages += range(self._locals.first, usage + 1)
            self._locals.first = None
        if len(self._locals.usages) > USAGES_MAX:
            raise MalformedError("too many usages")

    def _main(self, tag: int, flags: int) -> None:
        if tag == _COLLECTION:
            self._depth += 1
        elif tag == _END_COLLECTION:
            self._depth -= 1
            if self._depth < 0:
                raise MalformedError("a collection that ends before it begins")
        elif tag in self._fields:
            self._field(tag, flags)

    def _field(self, tag: int, flags: int) -> None:
        now = self._globals
        key = (tag, now.report_id)
        offset = self._ends.get(key, 0)
        bits = now.size_bits * now.count
        if offset + bits > REPORT_BITS_MAX or len(self._fields[tag]) >= FIELDS_MAX:
            raise MalformedError("a report that is too long")
        self._ends[key] = offset + bits
        if flags & _CONSTANT or not self._locals.usages or not bits:
            return
        is_array = not flags & _VARIABLE
        usages = self._locals.usages
        if not is_array:  # the last usage serves for all values that are left
            usages = (usages + [usages[-1]] * now.count)[: now.count]
        self._fields[tag].append(
            Field(
                now.report_id,
                offset,
                now.size_bits,
                now.count,
                tuple(usages),
                now.least,
                is_array,
                bool(flags & _RELATIVE),
            )
        )


def _read_field(part: Field, bits: int, states: dict[int, bool]) -> None:
    mask = (1 << part.size_bits) - 1
    values = [bits >> part.offset_bits + n * part.size_bits & mask for n in range(part.count)]
    if part.is_array:
        states |= dict.fromkeys(part.usages, False)
        indices = (value - part.least for value in values)
        states |= {part.usages[n]: True for n in indices if 0 <= n < len(part.usages)}
    else:
        for usage, value in zip(part.usages, values, strict=True):
            states[usage] = states.get(usage, False) or value != 0


def _write_field(part: Field, on: frozenset[int]) -> int:
    if part.is_array:
        wanted = [n + part.least for n, usage in enumerate(part.usages) if usage in on]
        values = wanted[: part.count]
    else:
        values = [int(usage in on) for usage in part.usages]
    mask = (1 << part.size_bits) - 1
    return sum((value & mask) << n * part.size_bits for n, value in enumerate(values))
