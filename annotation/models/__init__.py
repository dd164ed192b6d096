"""All models of Roundtruth. A model holds fields and constraints; services change its rows."""

from __future__ import annotations

from annotation.models.audit import AuditEvent
from annotation.models.cache import CacheEntry
from annotation.models.dataset import Image, Intake, Patient, Split, SplitEntry, Study, Truth
from annotation.models.people import ApiToken, User
from annotation.models.project import Label, LabelSchema, Membership, Project
from annotation.models.reading import (
    Annotation,
    Assignment,
    Candidate,
    Draft,
    LostDraft,
    Provenance,
    Reference,
    ReferenceSource,
    Verdict,
)
from annotation.models.release import Release, ReleaseItem, SealedOpening
from annotation.models.rounds import (
    DECIDED_STATES,
    GATE_PASSED,
    OPEN_STATES,
    RUNNING_STATES,
    STOPPED_STATES,
    EnsembleMember,
    PlanEstimate,
    Proposal,
    Round,
)

__all__ = [
    "DECIDED_STATES",
    "GATE_PASSED",
    "OPEN_STATES",
    "RUNNING_STATES",
    "STOPPED_STATES",
    "Annotation",
    "ApiToken",
    "Assignment",
    "AuditEvent",
    "CacheEntry",
    "Candidate",
    "Draft",
    "EnsembleMember",
    "Image",
    "Intake",
    "Label",
    "LabelSchema",
    "LostDraft",
    "Membership",
    "Patient",
    "PlanEstimate",
    "Project",
    "Proposal",
    "Provenance",
    "Reference",
    "ReferenceSource",
    "Release",
    "ReleaseItem",
    "Round",
    "SealedOpening",
    "Split",
    "SplitEntry",
    "Study",
    "Truth",
    "User",
    "Verdict",
]
