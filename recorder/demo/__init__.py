"""Demo cameras: a small RTSP server that loops drawn library scenes in phase with the clock, and can be told to fail."""
