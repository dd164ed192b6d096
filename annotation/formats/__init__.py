"""The record of a release, its manifest, and its layouts; no ORM in here."""
