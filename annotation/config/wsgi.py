"""The entry point of the web process, which never loads torch."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotation.config.settings")

application = get_wsgi_application()
