"""The learning side of Roundtruth: no web framework; runs alone as `python -m mlloop`."""
