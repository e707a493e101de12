"""The box's side of exchanges: finds them, registers with three, and leaves the bad ones."""
