"""Endpoints of a reader's own cases, with their serializers."""
