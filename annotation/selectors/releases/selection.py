"""Select the references and controls of a release. Later, images may be dropped but not added."""

from __future__ import annotations

from typing import NotRequired, TypedDict
from uuid import UUID

from django.db.models import QuerySet

from annotation.batching import batched
from annotation.models import Image, Patient, Project, Reference, Round, Split, Verdict
from annotation.selectors.audit import head_of

BATCH = 500


class Selection(TypedDict):
    """The ids, as text, of everything in a release, stored when the release is requested.

    `lungs` are the lung references of the project. `lung_round` is the round that serves; its
    ensemble gives the other lung masks. `audit` is the head of the audit's hash chain. Old
    selections have none of these fields.
    """

    references: list[str]
    controls: list[str]
    rounds: list[str]
    withdrawn: list[str]
    lungs: NotRequired[list[str]]
    lung_round: NotRequired[str | None]
    audit: NotRequired[dict[str, object]]


def select_for_release(project: Project) -> Selection:
    """Return the selection of a release requested now: references, and controls without a read.

    Excluded, withdrawn and quarantined images are left out.
    """
    current = Reference.objects.filter(
        project=project,
        label__key="infection",
        superseded_by=None,
        image__withdrawn_at=None,
        image__patient__state=Patient.State.ACTIVE,
    )
    references = current.exclude(verdict=Verdict.EXCLUDED).order_by("image_id")
    controls = (
        Image.objects.filter(
            project=project,
            group=Image.Group.NORMAL,
            withdrawn_at=None,
            patient__state=Patient.State.ACTIVE,
        )
        .exclude(references__label__key="infection")
        .order_by("id")
    )
    rounds = project.rounds.filter(state__in=(Round.State.SERVING, Round.State.SUPERSEDED))
    return Selection(
        references=_ids(references),
        controls=_ids(controls),
        rounds=_ids(rounds.order_by("number")),
        withdrawn=_ids(_withdrawn(project)),
        lungs=_ids(_lung_references(project)),
        lung_round=next(iter(_ids(project.rounds.filter(state=Round.State.SERVING))), None),
        audit=head_of(project.id).as_json(),
    )


def divide_selection(project: Project, selection: Selection) -> tuple[Selection, Selection]:
    """Return the selections of the open part and of the sealed part, in the same order."""
    images = project.images.filter(patient__split=Split.SEALED)
    references = Reference.objects.filter(project=project, image__patient__split=Split.SEALED)
    sealed = {*_ids(images), *_ids(references)}

    def part(is_sealed: bool) -> Selection:
        return {
            **selection,
            "references": [pk for pk in selection["references"] if (pk in sealed) == is_sealed],
            "controls": [pk for pk in selection["controls"] if (pk in sealed) == is_sealed],
        }

    return part(False), part(True)


def without_withdrawn(project: Project, selection: Selection) -> Selection:
    """Return a selection without the images withdrawn since; the same object if no image was.

    No image is added: an image that was read later belongs to the next version.
    """
    newly_withdrawn = set(_ids(_withdrawn(project))) - set(selection["withdrawn"])
    if not newly_withdrawn:
        return selection
    selected = set(selection["references"])
    references: dict[str, str] = {}
    for images in batched(sorted(newly_withdrawn), BATCH):
        rows = Reference.objects.filter(
            image__in=[UUID(image) for image in images], label__key="infection"
        )
        references |= {str(pk): str(image) for pk, image in rows.values_list("id", "image_id")}
    dropped = {image for pk, image in references.items() if pk in selected}
    dropped |= newly_withdrawn & set(selection["controls"])
    if not dropped:
        return selection
    return {
        **selection,
        "references": [pk for pk in selection["references"] if pk not in references],
        "controls": [pk for pk in selection["controls"] if pk not in newly_withdrawn],
        "withdrawn": sorted({*selection["withdrawn"], *dropped}),
    }


def size_of(selection: Selection) -> int:
    """Return the number of masks in a release of this selection."""
    return len(selection["references"]) + len(selection["controls"])


def _lung_references(project: Project) -> QuerySet[Reference]:
    current = Reference.objects.filter(project=project, label__key="lung", superseded_by=None)
    return current.exclude(mask_key="").order_by("image_id")


def _withdrawn(project: Project) -> QuerySet[Image]:
    """Return the images that were withdrawn, or whose patient was withdrawn or quarantined."""
    return project.images.exclude(withdrawn_at=None, patient__state=Patient.State.ACTIVE).order_by(
        "id"
    )


def _ids(rows: QuerySet[Reference] | QuerySet[Image] | QuerySet[Round]) -> list[str]:
    return [str(pk) for pk in rows.values_list("id", flat=True)]
