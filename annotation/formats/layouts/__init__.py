"""One module per release layout; each registers itself in `annotation.formats.registry`."""
