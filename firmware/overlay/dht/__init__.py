"""A peer of the BitTorrent Mainline DHT: BEP 5, 32, 42, 43, 44 and 51."""
