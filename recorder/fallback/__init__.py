"""Re-encodes to H.264 what a browser can't play, JPEG and MPEG-4 Visual: a sandboxed child process for each such stream.

`reader` is the worker's side, `process` the child's; between them coded pictures go one way and H.264 access units the other.
"""
