"""Accounts and their API tokens. Membership and permissions.py decide what a person may do."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models

from annotation.models.base import Row
from annotation.models.protection import free


class User(AbstractUser):
    """A person, or a service account (a user without a password)."""

    protection = free("People change their names and passwords; the audit has their roles.")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


class ApiToken(Row):
    """A hashed, scoped, expiring token; its text is shown once, when it is made."""

    protection = free("Tokens are revoked; the audit has both.")

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=5, choices=Scope.choices, default=Scope.READ)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"
