"""Django's cache in a table of the database: all web processes share it, on both engines.

Values are JSON. Django's own cache in a table pickles them, and whoever can write to such a table
can run code in the web process.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotation.models import CacheEntry


class JsonSerializer:
    """Let Django's Redis cache store JSON instead of pickles."""

    def dumps(self, value: object) -> str:
        return json.dumps(value)

    def loads(self, data: bytes) -> object:
        return json.loads(data)


class TableCache(BaseCache):
    """A cache for few and small values, such as counts of attempts to sign in."""

    def __init__(self, location: str, params: dict[str, object]) -> None:
        del location
        super().__init__(params)

    def get(self, key: str, default: object = None, version: int | None = None) -> object:
        row = _live().filter(key=self.make_and_validate_key(key, version)).first()
        return default if row is None else json.loads(row.value)

    def set(
        self,
        key: str,
        value: object,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        _delete_expired()
        CacheEntry.objects.bulk_create(
            [self._row(key, value, timeout, version)],
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["value", "expires_at"],
        )

    def add(
        self,
        key: str,
        value: object,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Store a value unless there is one; of several processes, one gets True."""
        _delete_expired()
        try:
            with transaction.atomic():
                self._row(key, value, timeout, version).save(force_insert=True)
        except IntegrityError:
            return False
        return True

    def touch(
        self,
        key: str,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        row = self._row(key, None, timeout, version)
        return bool(_live().filter(key=row.key).update(expires_at=row.expires_at))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number, which still expires when it would have. Raises ValueError without one.

        Django's own `incr` gives it the default lifetime. The row is locked, so no count is lost.
        """
        name = self.make_and_validate_key(key, version)
        with transaction.atomic():
            row = _live().select_for_update().filter(key=name).first()
            if row is None:
                raise ValueError(f"Key {key!r} not found")
            total = int(json.loads(row.value)) + delta
            row.value = json.dumps(total)
            row.save(update_fields=["value"])
        return total

    def delete(self, key: str, version: int | None = None) -> bool:
        name = self.make_and_validate_key(key, version)
        deleted, _ = CacheEntry.objects.filter(key=name).delete()
        return bool(deleted)

    def clear(self) -> None:
        CacheEntry.objects.all().delete()

    def _row(
        self, key: str, value: object, timeout: float | None, version: int | None
    ) -> CacheEntry:
        seconds = self.get_backend_timeout(timeout)
        return CacheEntry(
            key=self.make_and_validate_key(key, version),
            value=json.dumps(value),
            expires_at=None if seconds is None else datetime.fromtimestamp(seconds, UTC),
        )


def _live() -> QuerySet[CacheEntry]:
    return CacheEntry.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _delete_expired() -> None:
    CacheEntry.objects.filter(expires_at__lte=timezone.now()).delete()
