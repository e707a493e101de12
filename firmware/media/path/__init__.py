"""The path of one call: where packets for the peer go, and what is tried to find a better way."""
