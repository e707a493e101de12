"""Swarms of nodes, ours and others, all measured in the same way."""
