"""The rows of the shared cache, for servers without Redis. All of them may be lost at any time."""

from __future__ import annotations

from django.db import models

from annotation.models.protection import free


class CacheEntry(models.Model):
    """One value of the cache as JSON, until it expires. `services/table_cache.py` reads it."""

    protection = free("Counts of attempts to sign in; a lost row ends a delay too early.")

    key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.key
