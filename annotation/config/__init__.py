"""Settings, URLs, error pages, Celery and WSGI. No behaviour of the product."""

from __future__ import annotations

from annotation.config.celery import app as celery_app

__all__ = ["celery_app"]
