"""RTSP/1.0 over TCP, written against RFC 2326 with hostile cameras in mind: every length has a limit, no redirect is followed."""
