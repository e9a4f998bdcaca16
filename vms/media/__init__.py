"""Bytes and pictures: fragmented MP4, parameter sets and the encrypted segment file. Opens no database, knows no camera.

`parameter_sets.py` reads H.264 and H.265 headers; `fmp4.py` writes init segments and fragments; `boxes.py` reads them back;
`segment_file.py` encrypts them into one file. `derivative.py` makes copies with regions covered. The layouts stand in vms/FORMATS.md.
"""
