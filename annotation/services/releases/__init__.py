"""Freeze numbered releases and hand out their files."""
