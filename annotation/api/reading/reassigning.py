"""List the open cases of all readers, and give an open case to another reader. For curators."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS, SAVE_PROBLEMS
from annotation.errors import Invalid
from annotation.models import Assignment, User
from annotation.permissions import Permission, project_for
from annotation.selectors.reading.access import assignment_to_reassign
from annotation.services.reading.reassigning import reassign_case


class OpenAssignmentSerializer(serializers.ModelSerializer[Assignment]):
    """An open case as a curator sees it: its reader and state, never the mask."""

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


class ReassignSerializer(serializers.Serializer[dict[str, object]]):
    """The reader who gets the case; null returns the case to the queue."""

    reader = serializers.CharField(max_length=150, allow_null=True)


class OpenAssignmentsView(generics.ListAPIView[Assignment]):
    """`projects/{slug}/assignments/`: the open cases of all readers, for a curator."""

    serializer_class = OpenAssignmentSerializer
    queryset = Assignment.objects.none()

    @extend_schema(
        operation_id="list_open_assignments",
        responses={200: OpenAssignmentSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Assignment]:
        project = project_for(user_of(self.request), self.kwargs["slug"], Permission.REASSIGN)
        rows = Assignment.objects.filter(project=project, state__in=Assignment.HELD)
        return rows.select_related("reader").order_by("created_at", "id")


class ReassignView(APIView):
    """`POST assignments/{id}/reassign/`: a curator gives an open case to somebody else."""

    @extend_schema(
        operation_id="reassign",
        request=ReassignSerializer,
        responses={200: OpenAssignmentSerializer, 204: None, **SAVE_PROBLEMS},
    )
    def post(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_to_reassign(user=user_of(request), assignment_id=assignment_id)
        payload = ReassignSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        name = payload.validated_data["reader"]
        new_reader = User.objects.filter(username=name).first() if name is not None else None
        if name is not None and new_reader is None:
            raise Invalid(f"{name} does not read in this project.", field="reader")
        reassigned = reassign_case(assignment=assignment, to=new_reader, actor=user_of(request))
        if reassigned is None:
            return Response(status=204)
        return Response(OpenAssignmentSerializer(reassigned).data)
