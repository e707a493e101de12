"""Real drivers timed from finger to fact, picture and tone: what bench.box measures with."""
