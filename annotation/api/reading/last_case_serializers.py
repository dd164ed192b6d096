"""A submitted case in its reader's list: what they did themselves, nothing of any proposal."""

from __future__ import annotations

from django.urls import reverse
from rest_framework import serializers

from annotation.models import Annotation, Verdict
from annotation.selectors.reading.cases import case_key
from annotation.selectors.reading.last_cases import LastCase

Json = dict[str, object]


class LastCaseSerializer(serializers.Serializer[Json]):
    """One of the reader's last cases; `last_case_body` makes it."""

    assignment = serializers.UUIDField()
    case_key = serializers.CharField()
    day = serializers.IntegerField(allow_null=True)
    view = serializers.CharField(allow_blank=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    exclusion_reason = serializers.ChoiceField(
        choices=[value for value in Annotation.Exclusion.values if value], allow_null=True
    )
    submitted_at = serializers.DateTimeField()
    has_note = serializers.BooleanField()
    flagged = serializers.BooleanField()
    reopened = serializers.BooleanField(help_text="It is open again, and goes on where it is.")
    refusal = serializers.CharField(
        allow_null=True, help_text="Why it cannot be opened again; null where it can."
    )
    thumbnail_url = serializers.CharField(allow_null=True)
    mask_url = serializers.CharField(allow_null=True)


def last_case_body(row: LastCase) -> Json:
    """Return the JSON of one; a case that may not be looked at has no addresses."""
    image, annotation = row.assignment.image, row.annotation
    ids = [row.assignment.pk]
    return {
        "assignment": row.assignment.pk,
        "case_key": case_key(image),
        "day": image.study.day,
        "view": image.view_position,
        "verdict": annotation.verdict,
        "exclusion_reason": annotation.exclusion_reason or None,
        "submitted_at": annotation.created_at,
        "has_note": bool(annotation.note),
        "flagged": annotation.is_flagged,
        "reopened": row.is_reopened,
        "refusal": row.refusal.sentence if row.refusal else None,
        "thumbnail_url": reverse("api:submitted-thumbnail", args=ids) if row.is_shown else None,
        "mask_url": reverse("api:submitted-mask", args=ids)
        if row.is_shown and annotation.mask_key
        else None,
    }
