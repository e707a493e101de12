"""Hardware: logic over chip protocols; board.py alone knows whether a chip is real."""
