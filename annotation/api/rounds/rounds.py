"""`projects/{slug}/rounds/`: list rounds, start a round, show a round and decide about it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS
from annotation.models import EnsembleMember, Round
from annotation.permissions import Permission, may, project_for
from annotation.selectors.rounds.lookup import round_of, rounds_of
from annotation.selectors.rounds.plans import parse_plan
from annotation.selectors.rounds.reports import shown_report
from annotation.selectors.rounds.sealed import shown_metrics, shown_reason
from annotation.services.rounds.decision_table import DECISIONS, decide_round
from annotation.services.rounds.planning import plan_round


class MemberSerializer(serializers.ModelSerializer[EnsembleMember]):
    """An ensemble member's progress."""

    class Meta:
        model = EnsembleMember
        fields = (
            "network",
            "fold",
            "state",
            "epoch",
            "epochs",
            "loss",
            "inner_dice",
            "eta_seconds",
            "weights_sha256",
            "failure",
        )
        read_only_fields = fields


class RoundSerializer(serializers.ModelSerializer[Round]):
    """A round as programs see it. Results on sealed images are aggregates only."""

    def to_representation(self, instance: Round) -> dict[str, object]:
        return {
            **super().to_representation(instance),
            "decision_reason": shown_reason(instance, instance.decision_reason),
            "metrics": shown_metrics(instance),
        }

    class Meta:
        model = Round
        fields: tuple[str, ...] = (
            "id",
            "number",
            "stage",
            "state",
            "cancel_requested",
            "folds",
            "folds_note",
            "n_train",
            "n_train_patients",
            "progress",
            "metrics",
            "failure",
            "decision_reason",
            "decided_at",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields: tuple[str, ...] = fields


class RoundDetailSerializer(RoundSerializer):
    """A round with its plan and members."""

    members = MemberSerializer(many=True, read_only=True)

    class Meta(RoundSerializer.Meta):
        fields = (*RoundSerializer.Meta.fields, "plan", "members")
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer[dict[str, object]]):
    """The reason of a decision, as the engineer wrote it."""

    reason = serializers.CharField(max_length=2000, allow_blank=True, default="")


class StartSerializer(serializers.Serializer[dict[str, object]]):
    """The plan of the round to start. Without a plan the project's preset is used."""

    plan = serializers.JSONField(required=False, help_text="A plan that follows plan-schema/.")


class RoundsView(generics.ListAPIView[Round]):
    """List a project's rounds, newest first. An engineer may start the next round."""

    serializer_class = RoundSerializer
    queryset = Round.objects.none()

    @extend_schema(
        operation_id="list_rounds", responses={200: RoundSerializer(many=True), **PROBLEMS}
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    @extend_schema(
        operation_id="start_round",
        request=StartSerializer,
        responses={202: RoundDetailSerializer, **PROBLEMS},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_for(user_of(request), slug, Permission.RUN_ROUNDS)
        payload = StartSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        plan = (
            parse_plan(payload.validated_data["plan"]) if "plan" in payload.validated_data else None
        )
        planned = plan_round(project=project, actor=user_of(request), plan=plan)
        return Response(RoundDetailSerializer(planned).data, status=202)

    def get_queryset(self) -> QuerySet[Round]:
        project = project_for(user_of(self.request), self.kwargs["slug"], Permission.SEE_ROUNDS)
        return rounds_of(project)


class RoundView(APIView):
    """`rounds/{n}/`: show one round with its plan and members."""

    @extend_schema(operation_id="get_round", responses={200: RoundDetailSerializer, **PROBLEMS})
    def get(self, request: Request, slug: str, number: int) -> Response:
        project = project_for(user_of(request), slug, Permission.SEE_ROUNDS)
        return Response(RoundDetailSerializer(round_of(project, number)).data)


class ReportView(APIView):
    """`rounds/{n}/report/`: the evaluation report, with aggregates only for sealed images."""

    @extend_schema(
        operation_id="get_round_report", responses={200: OpenApiTypes.OBJECT, **PROBLEMS}
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        project = project_for(user_of(request), slug, Permission.SEE_ROUNDS)
        may_see_worst = may(user_of(request), Permission.SEE_WORST, project)
        response = Response(shown_report(round_of(project, number), may_see_worst=may_see_worst))
        name = f"{project.slug}-round-{number}-report.json"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _decision_view(name: str) -> type[APIView]:
    """Return the view of one decision: its path names the decision, its body holds the reason."""

    class DecisionView(APIView):
        @extend_schema(
            operation_id=f"{name}_round",
            request=ReasonSerializer,
            responses={200: RoundDetailSerializer, **PROBLEMS},
        )
        def post(self, request: Request, slug: str, number: int) -> Response:
            project = project_for(user_of(request), slug, DECISIONS[name].permission)
            payload = ReasonSerializer(data=request.data)
            payload.is_valid(raise_exception=True)
            decided = decide_round(
                name=name,
                round=round_of(project, number),
                actor=user_of(request),
                reason=payload.validated_data["reason"],
            )
            return Response(RoundDetailSerializer(decided).data)

    return DecisionView


_ROUND = "projects/<slug:slug>/rounds/<int:number>/"
urlpatterns: list[URLPattern] = [
    path("projects/<slug:slug>/rounds/", RoundsView.as_view(), name="rounds"),
    path(_ROUND, RoundView.as_view(), name="round"),
    path(f"{_ROUND}report/", ReportView.as_view(), name="round-report"),
    *(
        path(f"{_ROUND}{name}/", _decision_view(name).as_view(), name=f"round-{name}")
        for name in DECISIONS
    ),
]
