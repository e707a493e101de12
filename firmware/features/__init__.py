"""Services of the telephone, one file each; table.py has a line for each."""
