"""A case as its reader sees it. No field of a blind case says who or what made a candidate."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.response import Response

from annotation.api.reading.findings import FindingsSerializer
from annotation.api.reading.layers import LayersSerializer, layers_body
from annotation.models import Assignment, Candidate, Image
from annotation.selectors.reading.cases import Case, case_of, has_activation_map

Json = dict[str, object]


class _PositionSerializer(serializers.Serializer[Json]):
    n = serializers.IntegerField()
    of = serializers.IntegerField()


@extend_schema_serializer(component_name="_CaseImage")  # its name in the published schema
class CaseImageSerializer(serializers.Serializer[Json]):
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
    """One case as its reader sees it."""

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
    times_submitted = serializers.IntegerField(
        help_text="How often this case was submitted so far; 0 before the first submission."
    )
    lease_expires_at = serializers.DateTimeField()
    image = CaseImageSerializer()
    has_comparisons = serializers.BooleanField(
        help_text="Whether the same patient has other images to compare with."
    )
    labels = _LabelSerializer(many=True)
    candidates = _CandidateSerializer(many=True)
    draft = _DraftHeadSerializer(allow_null=True)
    note = serializers.CharField(allow_blank=True)
    flagged = serializers.BooleanField()
    findings = FindingsSerializer(required=False)
    layers = LayersSerializer(required=False)


def case_body(case: Case) -> Json:
    """Return the JSON of a case. No field of a blind case says who or what made a candidate."""
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
        "times_submitted": case.times_submitted,
        "lease_expires_at": assignment.lease_expires_at,
        "image": image_body(image),
        "has_comparisons": case.has_comparisons,
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
    if (ensemble := case.ensemble) and ensemble.findings:
        body["findings"] = ensemble.findings
        has_activation = has_activation_map(ensemble)
        body["layers"] = layers_body(assignment.id, ensemble, has_activation=has_activation)
    return body


def case_response(assignment: Assignment) -> Response:
    """Return the case as its reader sees it, in a response that is never cached."""
    response = Response(CaseSerializer(case_body(case_of(assignment))).data)
    response["Cache-Control"] = "no-store"
    return response


def draft_url(assignment_id: UUID, label: str) -> str:
    """Return the address of the draft for one label of a case."""
    return f"{reverse('api:draft', args=[assignment_id])}?label={label}"


def image_body(image: Image) -> Json:
    """Return the JSON of an image: its size, its addresses and its own display window."""
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
        "name": _candidate_name(candidate, is_blind=is_blind),
    }


def _candidate_name(candidate: Candidate, *, is_blind: bool) -> str | None:
    if is_blind:
        return None
    return candidate.proposal.network if candidate.proposal else "manual"
