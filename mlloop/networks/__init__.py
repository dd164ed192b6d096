"""Build networks, load their weights, and choose the device."""
