"""The API's paths under /api/v1/. The modules of rounds and releases list their own paths."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path
from drf_spectacular.views import SpectacularAPIView

from annotation.api import audit, projects, releases, unknown_path
from annotation.api.images import images, pixels
from annotation.api.people import tokens
from annotation.api.reading import (
    assignments,
    candidates,
    comparisons,
    drafts,
    last_cases,
    layers,
    lost_drafts,
    next_case,
    reassigning,
    submission,
)
from annotation.api.rounds import plans, rounds
from annotation.api.schema import DocsView

app_name = "api"
_CASE = "assignments/<uuid:assignment_id>/"
_SUBMITTED = "assignments/<uuid:submitted_id>/"
_CANDIDATE = "candidates/<uuid:candidate_id>/"

urlpatterns: list[URLPattern] = [
    path("auth/token/", tokens.TokenView.as_view(), name="token"),
    path("projects/", projects.ProjectsView.as_view(), name="projects"),
    path("projects/<slug:slug>/images/", images.ImagesView.as_view(), name="images"),
    path(
        "projects/<slug:slug>/assignments/",
        reassigning.OpenAssignmentsView.as_view(),
        name="open-assignments",
    ),
    path("projects/<slug:slug>/next/", next_case.NextView.as_view(), name="next"),
    path("projects/<slug:slug>/last-cases/", last_cases.LastCasesView.as_view(), name="last-cases"),
    path("images/<uuid:image_id>/pixels/", pixels.PixelsView.as_view(), name="image-pixels"),
    path("images/<uuid:image_id>/preview/", pixels.PreviewView.as_view(), name="image-preview"),
    path(f"{_CANDIDATE}mask/", candidates.CandidateMaskView.as_view(), name="candidate-mask"),
    path(
        f"{_CANDIDATE}probability/",
        candidates.CandidateProbabilityView.as_view(),
        name="candidate-probability",
    ),
    path(_CASE, assignments.AssignmentView.as_view(), name="assignment"),
    path(f"{_CASE}lease/", assignments.LeaseView.as_view(), name="lease"),
    path(f"{_CASE}draft/", drafts.DraftView.as_view(), name="draft"),
    path(f"{_CASE}lost-drafts/", lost_drafts.LostDraftsView.as_view(), name="lost-drafts"),
    path(
        f"{_CASE}lost-drafts/<uuid:lost_id>/mask/",
        lost_drafts.LostDraftView.as_view(),
        name="lost-draft",
    ),
    path(f"{_CASE}comparisons/", comparisons.ComparisonsView.as_view(), name="comparisons"),
    path(f"{_CASE}lung/", layers.LungLayerView.as_view(), name="lung-layer"),
    path(
        f"{_CASE}disagreement/",
        layers.DisagreementLayerView.as_view(),
        name="disagreement-layer",
    ),
    path(f"{_CASE}activation/", layers.ActivationLayerView.as_view(), name="activation-layer"),
    path(f"{_CASE}submit/", submission.SubmitView.as_view(), name="submit"),
    path(f"{_SUBMITTED}reopen/", last_cases.ReopenView.as_view(), name="reopen"),
    path(
        f"{_SUBMITTED}thumbnail/",
        last_cases.SubmittedThumbnailView.as_view(),
        name="submitted-thumbnail",
    ),
    path(f"{_SUBMITTED}mask/", last_cases.SubmittedMaskView.as_view(), name="submitted-mask"),
    path(f"{_CASE}reassign/", reassigning.ReassignView.as_view(), name="reassign"),
    *audit.urlpatterns,
    *releases.urlpatterns,
    *rounds.urlpatterns,
    path("plan-schema/", plans.PlanSchemaView.as_view(), name="plan-schema"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    re_path(r"^", unknown_path.UnknownView.as_view(), name="unknown"),
]
