"""Simulated chips at the byte or pin level, with the hand outside the box."""
