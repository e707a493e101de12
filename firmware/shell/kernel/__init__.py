"""Relays in the kernel: a small privileged program, and the exchange's side of it."""
