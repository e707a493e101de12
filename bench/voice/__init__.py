"""Telephones for the benchmarks of speech, each in processes of its own, on the same bad line."""
