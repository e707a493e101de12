"""The page of the box on the local network."""
