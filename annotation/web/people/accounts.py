"""The addresses under `/accounts/`: those pages of django-allauth that this server uses.

Each is listed here by name. A page that is not listed does not exist: there is no registration,
no change of an e-mail address and no signing in by a code in an e-mail.
"""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as socialaccount
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.urls import path, re_path
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView

from annotation.web.people import sessions, sign_on
from annotation.web.people.passwords import change_password
from annotation.web.people.second_factor import SecondFactorView, SignInByPasskeyView

# Functions: a template calls them, so they read the settings at each request.
_choices = {
    "sign_on_providers": lambda: settings.SIGN_ON_PROVIDERS,
    "can_reset_password": lambda: settings.SENDS_MAIL,
}

_second_factor = [
    path("2fa/", SecondFactorView.as_view(), name="mfa_index"),
    path("2fa/authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("2fa/reauthenticate/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("2fa/totp/activate/", never_cache(totp.activate_totp), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path(
        "2fa/recovery-codes/",
        never_cache(recovery_codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/generate/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/download/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("2fa/webauthn/", RedirectView.as_view(pattern_name="mfa_index"), name="mfa_list_webauthn"),
    path("2fa/webauthn/add/", never_cache(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path("2fa/webauthn/login/", SignInByPasskeyView.as_view(), name="mfa_login_webauthn"),
    path(
        "2fa/webauthn/reauthenticate/",
        login_required(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "2fa/webauthn/keys/<int:pk>/remove/",
        webauthn.remove_webauthn,
        name="mfa_remove_webauthn",
    ),
]

_sign_on = [
    path("oidc/<str:provider_id>/login/", sign_on.start, name="openid_connect_login"),
    path("oidc/<str:provider_id>/login/callback/", sign_on.finish, name="openid_connect_callback"),
    path(
        "sign-on/",
        socialaccount.ConnectionsView.as_view(extra_context=_choices),
        name="socialaccount_connections",
    ),
    path("sign-on/cancelled/", socialaccount.login_cancelled, name="socialaccount_login_cancelled"),
]

_password_reset = [
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

urlpatterns = [
    path("login/", account.LoginView.as_view(extra_context=_choices), name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", change_password, name="account_change_password"),
    path("sessions/", sessions.sessions, name="sessions"),
    *_second_factor,
    *_sign_on,
    *(_password_reset if settings.SENDS_MAIL else []),
]
