"""One call: dial plan, sealed signalling, retransmission, call states."""
