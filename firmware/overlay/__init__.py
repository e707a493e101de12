"""Who and where: numbers, cards and certificates, published and resolved over the DHT."""
