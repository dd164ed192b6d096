"""Abstract models: a UUID key with the time of creation, and the fields of a claim."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone


class Row(models.Model):
    """A row with a random UUID key, which reveals neither the order nor the number of rows."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


class Claimable(models.Model):
    """The fields of a row that one worker at a time may own; services/claims.py writes them."""

    claim_token = models.UUIDField(null=True, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    failure = models.TextField(blank=True)

    class Meta:
        abstract = True
