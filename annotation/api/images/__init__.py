"""Endpoints of images and their pixels, with their serializers."""
