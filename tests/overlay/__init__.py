"""Tests of firmware/overlay."""
