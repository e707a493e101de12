"""Who and where: the DHT peer, certificates of numbers, publishing and resolving."""
