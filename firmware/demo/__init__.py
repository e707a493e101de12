"""The demo: two simulated boxes call each other on this machine, with real speech."""
