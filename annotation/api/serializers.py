"""The JSON shapes that the API takes and gives; an unlisted field neither enters nor leaves."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from rest_framework import serializers

from annotation.models import Annotation, ApiToken, Assignment, Candidate, Image, Project, Verdict
from annotation.selectors.cases import Case, case_key
from annotation.selectors.worklist import ORDER

Json = dict[str, object]


class TokenRequestSerializer(serializers.Serializer[Json]):
    """Credentials for a token, as a program sends them."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    name = serializers.CharField(max_length=100, default="api")
    scope = serializers.ChoiceField(choices=ApiToken.Scope.choices, default=ApiToken.Scope.READ)
    days = serializers.IntegerField(min_value=1, max_value=365, default=90)


class TokenSerializer(serializers.Serializer[Json]):
    """A new token; its text is shown this once."""

    token = serializers.CharField()
    scope = serializers.ChoiceField(choices=ApiToken.Scope.choices)
    expires_at = serializers.DateTimeField()


class ProjectSerializer(serializers.ModelSerializer[Project]):
    """A project as its members see it in a list."""

    class Meta:
        model = Project
        fields = ["slug", "name", "time_zone"]


class ImageSerializer(serializers.ModelSerializer[Image]):
    """An image as staff see it in a list; readers see cases."""

    split = serializers.CharField(source="patient.split", read_only=True)
    case_key = serializers.SerializerMethodField()

    class Meta:
        model = Image
        fields = [
            "id",
            "case_key",
            "file_name",
            "source",
            "group",
            "finding",
            "view_position",
            "split",
            "width",
            "height",
            "bits",
            "spacing_mm",
            "withdrawn_at",
            "created_at",
        ]

    def get_case_key(self, image: Image) -> str:
        return case_key(image)


class NextRequestSerializer(serializers.Serializer[Json]):
    """What the reader already holds, and whether this one is fetched ahead."""

    prefetch = serializers.BooleanField(default=False)
    exclude = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=20)
    purpose = serializers.ChoiceField(
        choices=[purpose.value for purpose in ORDER], required=False, allow_null=True
    )


class _PositionSerializer(serializers.Serializer[Json]):
    n = serializers.IntegerField()
    of = serializers.IntegerField()


class _CaseImageSerializer(serializers.Serializer[Json]):
    id = serializers.UUIDField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bits = serializers.IntegerField()
    pixels_url = serializers.CharField()
    preview_url = serializers.CharField()
    window_center = serializers.FloatField()
    window_width = serializers.FloatField()


class _LabelSerializer(serializers.Serializer[Json]):
    key = serializers.CharField()
    name = serializers.CharField()


class _CandidateSerializer(serializers.Serializer[Json]):
    id = serializers.UUIDField()
    letter = serializers.CharField()
    mask_url = serializers.CharField()
    probability_url = serializers.CharField(allow_null=True)
    threshold = serializers.IntegerField(allow_null=True)
    name = serializers.CharField(allow_null=True)


class _DraftHeadSerializer(serializers.Serializer[Json]):
    label = serializers.CharField()  # type: ignore[assignment]
    etag = serializers.CharField()
    stroke = serializers.IntegerField()
    mask_url = serializers.CharField()
    candidate = serializers.UUIDField(allow_null=True)
    threshold = serializers.IntegerField(allow_null=True)


class CaseSerializer(serializers.Serializer[Json]):
    """One case as its reader sees it; `case_body` makes it."""

    assignment = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Assignment.Purpose.choices)
    blind = serializers.BooleanField()
    project = serializers.CharField()
    round = serializers.IntegerField(allow_null=True)
    case_key = serializers.CharField()
    file_name = serializers.CharField(required=False)
    day = serializers.IntegerField(allow_null=True)
    view = serializers.CharField(allow_blank=True)
    spacing_mm = serializers.FloatField(allow_null=True)
    position = _PositionSerializer()
    lease_expires_at = serializers.DateTimeField()
    image = _CaseImageSerializer()
    labels = _LabelSerializer(many=True)
    candidates = _CandidateSerializer(many=True)
    draft = _DraftHeadSerializer(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    flagged = serializers.BooleanField()


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


class OpenAssignmentSerializer(serializers.ModelSerializer[Assignment]):
    """An open case as a curator sees it: who holds it and how far it is, never the mask."""

    assignment = serializers.UUIDField(source="id")
    image = serializers.UUIDField(source="image_id")
    reader = serializers.CharField(source="reader.username")

    class Meta:
        model = Assignment
        fields = [
            "assignment",
            "image",
            "reader",
            "purpose",
            "has_draft",
            "lease_expires_at",
            "created_at",
        ]


class ReassignSerializer(serializers.Serializer[Json]):
    """Who reads the case instead; null gives it back to everybody."""

    reader = serializers.CharField(max_length=150, allow_null=True)


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


class ProblemSerializer(serializers.Serializer[Json]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    current_etag = serializers.CharField(required=False)
    yours_etag = serializers.CharField(required=False)
    current_url = serializers.CharField(required=False, allow_null=True)
    yours_url = serializers.CharField(required=False, allow_null=True)


def case_body(case: Case) -> Json:
    """Return the JSON of a case; blind leaves out what would tell one candidate from another."""
    assignment, image, draft = case.assignment, case.assignment.image, case.draft
    is_blind = assignment.is_blind
    body: Json = {
        "assignment": assignment.id,
        "purpose": assignment.purpose,
        "blind": is_blind,
        "project": assignment.project.slug,
        "round": None if is_blind or assignment.round is None else assignment.round.number,
        "case_key": case.case_key,
        "day": image.study.day,
        "view": image.view_position,
        "spacing_mm": image.spacing_mm,
        "position": {"n": case.position.n, "of": case.position.of},
        "lease_expires_at": assignment.lease_expires_at,
        "image": _image_body(image),
        "labels": [{"key": case.label.key, "name": case.label.name}],
        "candidates": [_candidate_body(row, is_blind=is_blind) for row in case.candidates],
        "draft": None
        if draft is None
        else {
            "label": case.label.key,
            "etag": draft.etag,
            "stroke": draft.stroke,
            "mask_url": draft_url(assignment.id, case.label.key),
            "candidate": draft.candidate_id,
            "threshold": None if is_blind else draft.threshold,
        },
        "note": assignment.note,
        "flagged": assignment.is_flagged,
    }
    if assignment.project.shows_file_names:
        body["file_name"] = image.file_name
    return body


def draft_url(assignment_id: UUID, label: str) -> str:
    """Return where the stored draft can be fetched."""
    return f"{reverse('api:draft', args=[assignment_id])}?label={label}"


def _image_body(image: Image) -> Json:
    return {
        "id": image.id,
        "width": image.width,
        "height": image.height,
        "bits": image.bits,
        "pixels_url": reverse("api:image-pixels", args=[image.id]),
        "preview_url": reverse("api:image-preview", args=[image.id]),
        "window_center": image.window_center,
        "window_width": image.window_width,
    }


def _candidate_body(candidate: Candidate, *, is_blind: bool) -> Json:
    proposal = None if is_blind else candidate.proposal
    return {
        "id": candidate.id,
        "letter": candidate.letter,
        "mask_url": reverse("api:candidate-mask", args=[candidate.id]),
        "probability_url": reverse("api:candidate-probability", args=[candidate.id])
        if proposal
        else None,
        "threshold": proposal.threshold if proposal else None,
        "name": _name(candidate, is_blind=is_blind),
    }


def _name(candidate: Candidate, *, is_blind: bool) -> str | None:
    if is_blind:
        return None
    return candidate.proposal.network if candidate.proposal else "manual"
