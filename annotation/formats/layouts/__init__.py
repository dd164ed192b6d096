"""One module a layout of a release; each registers itself in `annotation.formats.registry`."""
