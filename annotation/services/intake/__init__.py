"""Take radiographs and masks into a project."""
