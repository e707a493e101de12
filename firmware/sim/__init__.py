"""The network in virtual time: the overlay's own nodes, a hundred thousand in one process."""
