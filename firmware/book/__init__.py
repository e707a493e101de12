"""The phone book, and who may ring."""
