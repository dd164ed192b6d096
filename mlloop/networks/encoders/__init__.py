"""Encoders of the libraries by name, and our replacements for unusable encoders."""
