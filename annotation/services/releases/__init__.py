"""Request numbered releases, render and freeze them, and export their files."""
