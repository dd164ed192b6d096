"""Read the versions of a project's releases, and the images and masks of a release."""
