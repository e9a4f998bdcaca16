"""Cameras and other peers that tests talk to over loopback."""
