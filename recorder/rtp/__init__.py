"""RTP video to access units in H.264 and H.265, parsed in big batches: the part whose speed decides how many cameras a core records."""
