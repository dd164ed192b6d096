"""Ask for numbered releases, render and freeze them, and hand out their files."""
