"""Every plot on the pages: its coordinates are computed here, and templates draw them as SVG."""
