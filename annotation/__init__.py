"""The web side of Roundtruth: one Django app, layered as DESIGN and the import contract say."""
