"""Accounts and projects for the administrator. Append-only rows can be viewed, not changed.

File bytes, tokens, drafts, the robot reader's truth and masks are not shown here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

# They register themselves when they are imported. Only then can they be taken out again.
import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse

from annotation.models import (
    Annotation,
    AuditEvent,
    Membership,
    Project,
    Reference,
    Release,
    Round,
    Split,
    SplitEntry,
    User,
)
from annotation.permissions import (
    may_change_account,
    projects_hidden_from,
    projects_with_sealed_rows_for,
)
from annotation.services import audit

if TYPE_CHECKING:  # mypy needs type arguments, which these classes do not take at run time
    _ModelAdmin = admin.ModelAdmin[Model]
    _UserAdmin = UserAdmin[User]
else:
    _ModelAdmin, _UserAdmin = admin.ModelAdmin, UserAdmin


Message = str | list[dict[str, dict[str, object]]]


class AuditedAdmin(_ModelAdmin):
    """Record every change in the audit: who changed which fields of which row, without values."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Message) -> LogEntry:
        entry = super().log_addition(request, obj, message)
        self._record(request, "admin_add", obj, message)
        return entry

    def log_change(self, request: HttpRequest, obj: Model, message: Message) -> LogEntry:
        entry = super().log_change(request, obj, message)
        self._record(request, "admin_change", obj, message)
        return entry

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[LogEntry]:
        for obj in queryset:
            self._record(request, "admin_delete", obj, "")
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, verb: str, obj: Model, message: Message) -> None:
        names = message if isinstance(message, str) else ", ".join(_changed_fields(message))
        audit.record(
            project=obj if isinstance(obj, Project) else None,
            actor=cast("User", request.user),
            verb=verb,
            target=obj.pk,
            facts={"model": obj._meta.model_name or "", "fields": names},
        )


def _changed_fields(message: list[dict[str, dict[str, object]]]) -> list[str]:
    """Return the names of the fields in a change message of Django's admin."""
    parts = [part for entry in message for part in entry.values()]
    return [str(name) for part in parts for name in cast("list[str]", part.get("fields", []))]


class ReadOnlyAdmin(AuditedAdmin):
    """Show rows without changing them; only services change them.

    `to_project` is the way from a row to its project. An administrator who reads blind in a project
    sees none of its rows. `to_split` is the way to a patient's split: only curators of the project
    who are not engineers see rows of sealed patients.
    """

    list_per_page = 50
    show_full_result_count = False
    to_project = to_split = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows = super().get_queryset(request)
        if not self.to_project:
            return rows
        hidden = projects_hidden_from(request.user)
        rows = rows.exclude(**{f"{self.to_project}__in": hidden})
        if not self.to_split:
            return rows
        may_see = Q(**{f"{self.to_project}__in": projects_with_sealed_rows_for(request.user)})
        return rows.filter(may_see | ~Q(**{self.to_split: Split.SEALED}))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return False  # `?salt__startswith=` would spell out a column that no page shows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AccountAdmin(AuditedAdmin, _UserAdmin):
    """Accounts. `permissions.may_change_account` says whose account an administrator may change."""

    list_per_page = 50
    list_display = (
        "username",
        "email",
        "first_name",
        "last_name",
        "is_staff",
        "is_active",
        "is_demo",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        read_only = list(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return [*read_only, "is_demo"]
        return [*read_only, "is_demo", "is_staff", "is_superuser", "groups", "user_permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if obj is not None and not may_change_account(request.user, cast("User", obj)):
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # annotations name their reader: deactivate the account instead

    def user_change_password(
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponse:
        with transaction.atomic():  # no new password without its row in the audit
            return super().user_change_password(request, id, form_url)


class ProjectAdmin(ReadOnlyAdmin):
    """Projects. An administrator may edit the name, the guideline and how cases are shown."""

    list_display = ("slug", "name", "opened_at")
    fields = ("slug", "name", "time_zone", "guideline", "shows_file_names", "opened_at")
    readonly_fields = ("slug", "opened_at")
    to_project = "pk"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # Skip ReadOnlyAdmin, which always refuses.
        return admin.ModelAdmin.has_change_permission(self, request, obj)


class MembershipAdmin(ReadOnlyAdmin):
    """Members of projects. The people page changes them and records it in the audit."""

    to_project = "project"
    list_display = ("project", "user", "role")
    list_select_related = ("project", "user")


class AuditAdmin(ReadOnlyAdmin):
    """The audit, newest first. Its facts are on the audit pages, for those who may read them.

    An old gate's reason is a fact, and it has figures of small sealed subgroups.
    """

    to_project = "project"
    exclude = ("facts",)
    list_display = ("created_at", "verb", "actor", "target")
    list_select_related = ("actor",)
    ordering = ("-created_at",)


class SplitEntryAdmin(ReadOnlyAdmin):
    """The ledger of splits and folds."""

    to_project = "patient__project"
    to_split = "patient__split"


class AnnotationAdmin(ReadOnlyAdmin):
    """Submitted annotations, without their masks and notes."""

    to_project = "project"
    to_split = "image__patient__split"
    list_display = ("created_at", "verdict", "purpose", "reader")
    list_select_related = ("reader",)
    exclude = ("mask_key", "note")


class ReferenceAdmin(ReadOnlyAdmin):
    """The chains of references, without their masks."""

    to_project = "project"
    to_split = "image__patient__split"
    list_display = ("created_at", "verdict", "method")
    exclude = ("mask_key",)


class RoundAdmin(ReadOnlyAdmin):
    """Rounds and their states. The rounds page shows the figures that may be shown."""

    to_project = "project"
    list_display = ("project", "number", "stage", "state")
    list_select_related = ("project",)
    exclude = (
        "snapshot_key",
        "evaluation_key",
        "report_key",
        "metrics",
        "decision_reason",  # an old gate's has figures of small sealed subgroups
        "claim_token",
    )


class ReleaseAdmin(ReadOnlyAdmin):
    """Releases and their states."""

    to_project = "project"
    list_display = ("project", "version", "state")
    list_select_related = ("project",)
    exclude = ("selection_key", "manifest_key", "claim_token")


class SecondFactorAdmin(ReadOnlyAdmin):
    """Who has which second factor, without its secret. A superuser removes one that was lost."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    fields = readonly_fields = list_display
    ordering = ("user__username", "type")
    search_fields = ("user__username",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


# These rows decide who signs in as whom. An administrator who could write them could sign in as
# anybody: by an address that receives the reset link, a sign-on of their own, or a session key.
admin.site.unregister(
    [Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession]
)
# Somebody who could change a group could give themself its permissions, and no audit row would say.
admin.site.unregister(Group)
if admin.site.is_registered(EmailConfirmation):
    admin.site.unregister(EmailConfirmation)
admin.site.register(Authenticator, SecondFactorAdmin)
admin.site.register(User, AccountAdmin)
admin.site.register(Project, ProjectAdmin)
admin.site.register(Membership, MembershipAdmin)
admin.site.register(AuditEvent, AuditAdmin)
admin.site.register(SplitEntry, SplitEntryAdmin)
admin.site.register(Annotation, AnnotationAdmin)
admin.site.register(Reference, ReferenceAdmin)
admin.site.register(Round, RoundAdmin)
admin.site.register(Release, ReleaseAdmin)
