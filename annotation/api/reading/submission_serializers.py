"""What a reader writes on a case: the draft, the note, the decision; and what comes back."""

from __future__ import annotations

from django.urls import reverse
from rest_framework import serializers

from annotation.models import Annotation, Assignment, LostDraft, Verdict

Json = dict[str, object]


class DraftBasisSerializer(serializers.Serializer[Json]):
    """What a draft was made from, as a save names it."""

    candidate = serializers.UUIDField(
        allow_null=True, default=None, help_text="The candidate the mask was made from, if any."
    )
    threshold = serializers.IntegerField(
        min_value=1,
        max_value=255,
        allow_null=True,
        default=None,
        help_text="Its threshold; never in a blind read.",
    )


class SavedDraftSerializer(serializers.Serializer[Json]):
    """What a save came to."""

    etag = serializers.CharField()
    stroke = serializers.IntegerField()
    lease_expires_at = serializers.DateTimeField()


class LostDraftSerializer(serializers.ModelSerializer[LostDraft]):
    """A mask that lost a race; `saved_at` is its last refusal, from which its days count."""

    saved_at = serializers.DateTimeField(source="created_at", read_only=True)
    candidate = serializers.UUIDField(source="candidate_id", allow_null=True, read_only=True)
    mask_url = serializers.SerializerMethodField()

    class Meta:
        model = LostDraft
        fields = ["id", "stroke", "saved_at", "candidate", "threshold", "mask_url"]

    def get_mask_url(self, lost: LostDraft) -> str:
        return reverse("api:lost-draft", args=[lost.assignment_id, lost.id])


class AssignmentPatchSerializer(serializers.Serializer[Json]):
    """What can be written on an open case besides its mask."""

    note = serializers.CharField(max_length=4000, allow_blank=True, required=False)
    flagged = serializers.BooleanField(required=False)
    saved_for_later = serializers.BooleanField(required=False)


class AssignmentHeadSerializer(serializers.ModelSerializer[Assignment]):
    """The state of a case, without its picture."""

    assignment = serializers.UUIDField(source="id")
    flagged = serializers.BooleanField(source="is_flagged")
    saved_for_later = serializers.BooleanField(source="is_saved_for_later")

    class Meta:
        model = Assignment
        fields = ["assignment", "note", "flagged", "saved_for_later", "lease_expires_at"]


class SubmitRequestSerializer(serializers.Serializer[Json]):
    """A reader's decision; the verdict is the server's."""

    client_id = serializers.UUIDField()
    label = serializers.CharField(max_length=40)  # type: ignore[assignment]
    decision = serializers.ChoiceField(choices=["accept", "no_infection", "exclude"])
    draft_etag = serializers.CharField(
        max_length=80,
        allow_null=True,
        default=None,
        help_text="The drawing decided on, whatever the decision; null where none was saved.",
    )
    candidate = serializers.UUIDField(allow_null=True, default=None)
    threshold = serializers.IntegerField(min_value=1, max_value=255, allow_null=True, default=None)
    exclusion_reason = serializers.ChoiceField(
        choices=[value for value in Annotation.Exclusion.values if value],
        allow_null=True,
        default=None,
    )
    note = serializers.CharField(max_length=4000, allow_blank=True, default="")
    flagged = serializers.BooleanField(default=False)
    active_seconds = serializers.FloatField(min_value=0.0, default=0.0)
    strokes = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class SubmittedSerializer(serializers.Serializer[Json]):
    """The annotation that was written."""

    annotation = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)
