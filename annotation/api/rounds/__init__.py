"""Endpoints of rounds and plans, with their serializers."""
