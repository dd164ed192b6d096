"""Checks over all rows and all stored files."""
