"""Fernruf: the firmware of a telephone with no exchange; docs/architecture.md draws it."""
