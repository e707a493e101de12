"""The way out of networks that block UDP: a box's datagrams through a TLS stream to an exchange."""
