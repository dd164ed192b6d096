"""The record of a release, its manifest, and its layouts. Nothing here reads the database."""
