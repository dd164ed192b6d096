"""The encoders: those of the libraries by name, and replacements for unusable ones."""
