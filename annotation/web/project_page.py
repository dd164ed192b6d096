"""The parts that all pages of a project share: permission check, side navigation, rendering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from annotation.errors import Forbidden, NotFound
from annotation.models import Project
from annotation.permissions import ROLES, Permission, project_for, roles_in
from annotation.selectors.overview import nav_counts

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the side navigation."""

    key: str
    name: str
    href: str
    count: int | str | None


_NAV = (
    ("project", "Overview", Permission.SEE_PROJECT),
    ("read", "Worklist", Permission.READ_CASES),
    ("images", "Images", Permission.SEE_IMAGES),
    ("intake", "Import", Permission.IMPORT),
    ("rounds", "Rounds", Permission.SEE_ROUNDS),
    ("releases", "Releases", Permission.SEE_RELEASES),
    ("people", "People", Permission.MANAGE_PEOPLE),
    ("audit", "Audit", Permission.SEE_AUDIT),
)


def project_page(
    permission: Permission,
) -> Callable[
    [Callable[Concatenate[HttpRequest, Project, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, str, P], HttpResponse],
]:
    """Return a decorator that signs the person in and checks the permission before the view runs.

    A person who is not a member gets 404. A member without the permission gets 403.
    """

    def decorate(
        view: Callable[Concatenate[HttpRequest, Project, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
        @wraps(view)
        def check_and_run(
            request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            try:
                project = project_for(request.user, slug, permission)
            except NotFound as error:
                raise Http404(error.sentence) from None
            except Forbidden as error:
                raise PermissionDenied(error.sentence) from None
            return view(request, project, *args, **kwargs)

        # A cast, because Django passes `slug` by name, and a Callable type cannot express that.
        return cast(
            "Callable[Concatenate[HttpRequest, str, P], HttpResponse]",
            login_required(check_and_run),
        )

    return decorate


def render_page(
    request: HttpRequest,
    project: Project,
    template: str,
    *,
    active: str,
    context: Mapping[str, object],
    status: int = 200,
) -> HttpResponse:
    """Return a project page with the navigation entries that the person may use."""
    roles = roles_in(request.user, project)
    counts = nav_counts(project=project)
    nav = [
        NavItem(key, name, reverse(key, args=[project.slug]), counts.get(key))
        for key, name, permission in _NAV
        if roles & ROLES[permission]
    ]
    return render(
        request,
        template,
        {"project": project, "nav": nav, "active": active, "roles": sorted(roles), **context},
        status=status,
    )
