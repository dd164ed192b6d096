"""Endpoints of cases: reading, drafts, submission and reassigning, with their serializers."""
