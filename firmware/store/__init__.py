"""What a box must still know after its power was cut: one SQLite database, sealed."""
