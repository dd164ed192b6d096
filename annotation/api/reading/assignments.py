"""Change the note and flag of the caller's open case, or give the case back."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.schema import SAVE_PROBLEMS
from annotation.models import Assignment
from annotation.selectors.reading.access import assignment_for
from annotation.services.reading import leases

Json = dict[str, object]


class AssignmentPatchSerializer(serializers.Serializer[Json]):
    """The fields of an open case that a reader can write, besides its mask."""

    note = serializers.CharField(max_length=4000, allow_blank=True, required=False)
    flagged = serializers.BooleanField(required=False)
    saved_for_later = serializers.BooleanField(required=False)


class AssignmentHeadSerializer(serializers.ModelSerializer[Assignment]):
    """The state of a case, without its image."""

    assignment = serializers.UUIDField(source="id")
    flagged = serializers.BooleanField(source="is_flagged")
    saved_for_later = serializers.BooleanField(source="is_saved_for_later")

    class Meta:
        model = Assignment
        fields = ["assignment", "note", "flagged", "saved_for_later", "lease_expires_at"]


class AssignmentView(APIView):
    """`assignments/{id}/`: change the note, the flag or "saved for later" of an open case."""

    @extend_schema(
        operation_id="update_assignment",
        request=AssignmentPatchSerializer,
        responses={200: AssignmentHeadSerializer, **SAVE_PROBLEMS},
    )
    def patch(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=assignment_id)
        payload = AssignmentPatchSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        data = payload.validated_data
        assignment = leases.update_assignment(
            assignment=assignment,
            reader=user_of(request),
            note=data.get("note"),
            is_flagged=data.get("flagged"),
            is_saved_for_later=data.get("saved_for_later"),
        )
        return Response(AssignmentHeadSerializer(assignment).data)


class LeaseView(APIView):
    """`assignments/{id}/lease/`: give back an open case that has no drawing."""

    @extend_schema(operation_id="give_back", responses={204: None, **SAVE_PROBLEMS})
    def delete(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=assignment_id)
        leases.give_back_case(assignment=assignment, reader=user_of(request))
        return Response(status=204)
