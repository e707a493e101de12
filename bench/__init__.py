"""Measurements: one module per claim; each prints one JSON object."""
