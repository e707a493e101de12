"""Parts of bench/nat_matrix.py: both competitors over the same pairs of NATs, in one lab."""
