"""Import radiographs and their masks into a project."""
