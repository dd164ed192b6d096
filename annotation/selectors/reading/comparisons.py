"""The same patient's other films, as one may hang beside an open case; the film and nothing else.

Masks, groups, sources, names and findings of these images belong to no read, blind or open.
"""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from annotation.models import Assignment, Image, Patient, User


def comparisons_of(image: Image) -> QuerySet[Image]:
    """Return the other images of the ledger's patient, first day first and unknown days last.

    What is withdrawn, by itself or with its patient, and what is quarantined is left out.
    """
    rows = Image.objects.filter(
        patient=image.patient_id, patient__state=Patient.State.ACTIVE, withdrawn_at=None
    )
    in_order = rows.order_by(F("study__day").asc(nulls_last=True), "id")
    return in_order.exclude(pk=image.pk).select_related("study")


def has_comparisons(image: Image) -> bool:
    """Say whether there is any; how many is not looked up, nor told, before they are wanted."""
    return comparisons_of(image).exists()


def is_beside_open_case(*, user: User, image: Image) -> bool:
    """Say whether `user` holds open a case of this image, or of one that it is compared with."""
    shown = Q(image=image)
    if image.withdrawn_at is None:
        shown |= Q(image__patient=image.patient_id, image__patient__state=Patient.State.ACTIVE)
    mine = Assignment.objects.filter(
        project=image.project_id, reader=user, state__in=Assignment.HELD
    )
    return mine.filter(shown).exists()
