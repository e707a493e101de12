"""Sound itself: Opus, G.711, concealment, resampling, tones."""
