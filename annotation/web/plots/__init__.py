"""Coordinates of every plot; the templates draw them as SVG."""
