"""Speech on its way: RTP, SRTP, jitter buffer, the session of one call."""
