"""Cases as readers see them, and the images that wait for readers."""
