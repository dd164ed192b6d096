"""`auth/token/`: create a token with an account name and password. Failures delay attempts."""

from __future__ import annotations

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.schema import PROBLEMS
from annotation.models import ApiToken, User
from annotation.permissions import has_second_factor, lacks_second_factor
from annotation.services.sign_in_delays import attempt_of, begin_attempt, forgive_attempt
from annotation.services.sign_ins import record_failed_sign_in
from annotation.services.tokens import create_token

Json = dict[str, object]


class TokenRequestSerializer(serializers.Serializer[Json]):
    """The name and password of an account, and the token that a program asks for."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False)
    name = serializers.CharField(max_length=100, default="api")
    scope = serializers.ChoiceField(choices=ApiToken.Scope.choices, default=ApiToken.Scope.READ)
    days = serializers.IntegerField(min_value=1, max_value=365, default=90)


class TokenSerializer(serializers.Serializer[Json]):
    """A new token. Its text is shown only once."""

    token = serializers.CharField()
    scope = serializers.ChoiceField(choices=ApiToken.Scope.choices)
    expires_at = serializers.DateTimeField()


class TokenView(APIView):
    """`auth/token/`: create a token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="roundtruth"'  # without this header a wrong password would answer 403

    @extend_schema(
        operation_id="create_token",
        request=TokenRequestSerializer,
        responses={201: TokenSerializer, **PROBLEMS},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        payload = TokenRequestSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        data = payload.validated_data
        attempt = attempt_of(request._request, name=data["username"])
        begin_attempt(attempt)
        user = authenticate(
            request._request,
            username=data["username"],
            password=data["password"],
        )
        if not isinstance(user, User) or not user.is_active:
            record_failed_sign_in(username=data["username"])
            raise AuthenticationFailed("The name or the password is wrong.", code="bad_login")
        forgive_attempt(attempt)
        if has_second_factor(user) or lacks_second_factor(user):
            raise PermissionDenied(
                "A password alone gives no token to an account with a second factor, or that must"
                " have one. Create the token on the account page.",
                code="second_factor_required",
            )
        token, text = create_token(
            user=user, name=data["name"], scope=data["scope"], days=data["days"]
        )
        body = {"token": text, "scope": token.scope, "expires_at": token.expires_at}
        response = Response(TokenSerializer(body).data, status=201)
        response["Cache-Control"] = "no-store"
        return response
