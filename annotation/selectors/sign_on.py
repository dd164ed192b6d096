"""With which sign-on providers somebody is connected, or has signed in."""

from __future__ import annotations

from allauth.account.internal.flows.login import get_authentication_records
from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest

from annotation.models import User


def providers_of_session(request: HttpRequest, user: User) -> frozenset[str]:
    """Return the providers by which this session was signed in."""
    records = get_authentication_records(request, user)
    return frozenset(
        str(record.get("provider")) for record in records if record.get("method") == "socialaccount"
    )


def providers_of_account(user: User) -> frozenset[str]:
    """Return the providers with which the account is connected."""
    rows = SocialAccount.objects.filter(user_id=user.pk)
    return frozenset(rows.values_list("provider", flat=True))
