"""The serial line of the analog phone adapter; runs on CPython and on MicroPython, unchanged.

So it keeps to what both have: no dataclasses, enum, typing or pathlib, and time comes in as
`elapsed_ms`, which needs no clock that wraps. `board/adapter/build.py` puts these files on a Pico.
"""
