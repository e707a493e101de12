"""Real chips; the only place where vendor packages are imported."""
