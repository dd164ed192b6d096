"""The Celery application. The delivery policy is in annotation/tasks.py, the values in settings."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotation.config.settings")

app = Celery("roundtruth")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["annotation"])
