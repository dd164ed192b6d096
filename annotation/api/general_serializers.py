"""Tokens, projects, who holds which case, and the problem document."""

from __future__ import annotations

from rest_framework import serializers

from annotation.models import ApiToken, Assignment, Project

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
