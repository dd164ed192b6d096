"""Accounts and their API tokens. Membership and permissions.py decide what a person may do."""

from __future__ import annotations

import hashlib
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
    is_demo = models.BooleanField(
        default=False,
        editable=False,
        help_text="The demo printed its password on a terminal, so a public server refuses it.",
    )

    @property
    def password_mark(self) -> str:
        """Return a mark of the stored password; it changes when the password changes."""
        return hashlib.sha256(f"password:{self.password}".encode()).hexdigest()


class ApiToken(Row):
    """A hashed, scoped, expiring token; its text is shown once, when it is made.

    It ends when the account's password changes, wherever that happens: the marks then differ.
    """

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
    password_mark = models.CharField(
        max_length=64,
        default="",
        editable=False,
        help_text="The mark of the account's password when the token was made.",
    )

    def __str__(self) -> str:
        return f"{self.name} ({self.scope})"
