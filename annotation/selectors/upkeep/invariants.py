"""Check the rules that every project obeys at any time; a breach is a sentence with a row's id."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q

from annotation import storage
from annotation.models import (
    Annotation,
    Assignment,
    Image,
    Membership,
    Patient,
    Project,
    Proposal,
    Reference,
    Release,
    Round,
    Split,
    SplitEntry,
    Verdict,
)
from annotation.permissions import READING, SEEING
from annotation.selectors.audit import first_break
from annotation.selectors.rounds.leaks import find_project_leaks


def breaches(project: Project) -> Iterator[str]:
    """Yield a sentence for every broken rule of a project; nothing is written."""
    yield from _role_breaches(project)
    if broken := first_break(project):
        yield broken.sentence
    yield from _split_breaches(project)
    yield from _reading_breaches(project)
    yield from _round_breaches(project)
    yield from _missing_bytes(project)


def _role_breaches(project: Project) -> Iterator[str]:
    """Nobody both reads and sees, unless the project is open."""
    if project.is_open:
        return
    members = Membership.objects.filter(project=project)
    mixed = members.filter(role__in=READING).filter(
        Exists(members.filter(user=OuterRef("user"), role__in=SEEING))
    )
    for user in mixed.order_by("user").values_list("user", flat=True).distinct():
        yield f"Account {user} both reads and sees images in {project.slug}, which is not open."


def _split_breaches(project: Project) -> Iterator[str]:
    """Each patient was assigned once, and has the split and fold of its ledger entry."""
    assigned = SplitEntry.objects.filter(patient=OuterRef("pk"), event="assigned")
    patients = Patient.objects.filter(project=project)
    for patient in patients.exclude(Exists(assigned)):
        yield f"Patient {patient.id} has no entry in the split ledger."
    moved = SplitEntry.objects.filter(patient__project=project, event="assigned").exclude(
        split=F("patient__split"), fold=F("patient__fold")
    )
    for entry in moved:
        yield f"Patient {entry.patient_id} has another split or fold than its ledger entry."
    for patient in patients.filter(fold__gte=project.folds):
        yield f"Patient {patient.id} is in fold {patient.fold} of {project.folds}."
    for image in Image.objects.filter(project=project).exclude(patient=F("study__patient")):
        yield f"Image {image.id} belongs to another patient than its study."


def _reading_breaches(project: Project) -> Iterator[str]:
    """References and annotations of a case form one chain; sealed images show no candidates."""
    heads = (
        Reference.objects.filter(project=project, superseded_by=None)
        .values("image", "label")
        .annotate(n=Count("id"))
        .filter(n__gt=1)
    )
    for head in heads:
        yield f"Image {head['image']} has {head['n']} current references for one label."
    for reference in Reference.objects.filter(project=project, annotations=None):
        yield f"Reference {reference.id} has no annotation that it was made from."
    masked = Annotation.objects.filter(project=project)
    for row in masked.filter(Q(verdict=Verdict.EXCLUDED) ^ Q(mask_key="")):
        has = "has" if row.mask_key else "lacks"
        yield f"Annotation {row.id} is {row.verdict} and {has} a mask."
    for row in masked.exclude(supersedes=None).exclude(assignment=F("supersedes__assignment")):
        yield f"Annotation {row.id} supersedes an annotation of another case."
    reopened = Assignment.objects.filter(project=project, state=Assignment.State.REOPENED)
    for assignment in reopened.filter(annotations=None):
        yield f"Assignment {assignment.id} is open again, but was never submitted."
    shown = Assignment.objects.filter(
        project=project, image__patient__split=Split.SEALED, candidates__isnull=False
    )
    for assignment in shown.distinct():
        yield f"Assignment {assignment.id} showed candidates on a sealed image."


def _round_breaches(project: Project) -> Iterator[str]:
    """At most one round serves; no sealed image has proposals; no network saw its patients."""
    serving = project.rounds.filter(state=Round.State.SERVING).count()
    if serving > 1:
        yield f"{serving} rounds are serving; at most one may serve."
    sealed = Proposal.objects.filter(round__project=project, image__patient__split=Split.SEALED)
    for proposal in sealed:
        yield f"Proposal {proposal.id} was made on a sealed image."
    for leak in find_project_leaks(project):
        yield leak.sentence


def _missing_bytes(project: Project) -> Iterator[str]:
    """Every key that a row names has its bytes."""
    named = (
        ("image", Image.objects.filter(project=project, withdrawn_at=None), "pixels_key"),
        ("annotation", Annotation.objects.filter(project=project).exclude(mask_key=""), "mask_key"),
        ("reference", Reference.objects.filter(project=project).exclude(mask_key=""), "mask_key"),
        ("proposal", Proposal.objects.filter(round__project=project), "probability_key"),
        ("release", Release.objects.filter(project=project, state="frozen"), "manifest_key"),
    )
    for noun, rows, column in named:
        for pk, key in rows.values_list("id", column).iterator(chunk_size=2000):
            if not storage.is_stored(key):
                yield f"The bytes of {noun} {pk} are missing: {key}."
