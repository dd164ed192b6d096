"""Lease cases to readers, keep their drafts, and take their decisions."""
