"""Small rows with real bytes, made without a trained network. Each call makes one row."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from django.utils import timezone

from annotation import storage
from annotation.models import (
    DECIDED_STATES,
    Annotation,
    Assignment,
    Image,
    Patient,
    Project,
    Proposal,
    Provenance,
    Reference,
    ReferenceSource,
    Round,
    SplitEntry,
    Study,
    User,
    Verdict,
)
from annotation.selectors.labels import label_of
from annotation.selectors.reading.worklist import reading_order
from annotation.services.projects import require_label
from mlloop.contract.presets import preset
from mlloop.pixels.images import DecodedImage, decode_image, encode_pixels, preview8, thumbnail
from mlloop.pixels.masks import decode_probability, encode_mask, encode_probability
from mlloop.pixels.raster import threshold_mask
from mlloop.pixels.severity import measure_findings

Mask = npt.NDArray[np.bool_]


def disc(
    *, shape: tuple[int, int] = (80, 64), at: tuple[int, int] = (40, 30), radius: int = 12
) -> Mask:
    """Return a round mask `(H, W) bool`."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.asarray((rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2)


def make_patient(
    project: Project, key: str = "", *, split: str = "train", fold: int = 0
) -> Patient:
    key = key or uuid.uuid4().hex
    patient, is_new = Patient.objects.get_or_create(
        project=project,
        key=key,
        defaults={
            "split": split,
            "fold": fold,
            "reading_order": reading_order(split_seed=project.split_seed, key=key),
        },
    )
    if is_new:
        SplitEntry.objects.create(patient=patient, split=split, fold=fold, reason="factory")
    return patient


def make_image(
    project: Project,
    *,
    patient: Patient | None = None,
    group: str = "covid",
    split: str = "train",
    fold: int = 0,
    shape: tuple[int, int] = (80, 64),
    bits: int = 16,
    day: int | None = 0,
    seed: int | None = None,
    file_name: str = "secret-name.png",
) -> Image:
    """Create an image of noise with its stored bytes; a new one each time unless seeded."""
    patient = patient or make_patient(project, split=split, fold=fold)
    study, _ = Study.objects.get_or_create(patient=patient, day=day)
    dtype = np.uint16 if bits == 16 else np.uint8
    noise = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    image: DecodedImage = decode_image(encode_pixels(noise))
    small = preview8(image.pixels)

    def put(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> str:
        return storage.put(project.id, encode_pixels(pixels))

    return Image.objects.create(
        project=project,
        study=study,
        patient=patient,
        group=group,
        view_position="PA",
        width=shape[1],
        height=shape[0],
        bits=bits,
        window_center=32000.0 if bits == 16 else 128.0,
        window_width=60000.0 if bits == 16 else 255.0,
        pixel_sha256=image.sha256,
        perceptual_hash="0" * 16,
        pixels_key=put(image.pixels),
        preview_key=put(small),
        thumbnail_key=put(thumbnail(image.pixels)),
        file_name=file_name,
        source="secret-source",
        finding="secret-finding",
    )


PHASES = dict.fromkeys((*DECIDED_STATES, Round.State.AWAITING_DECISION), Round.Phase.DECIDING)


def make_round(
    project: Project, *, number: int = 1, stage: str = "stage_1", state: str = "serving"
) -> Round:
    return Round.objects.create(
        project=project,
        number=number,
        stage=stage,
        state=state,
        phase=state if state in Round.Phase.values else PHASES.get(state, Round.Phase.TRAINING),
        plan=preset("tiny").to_json(),
        folds=3,
        snapshot_key=storage.put(project.id, b"[]"),
    )


def make_proposal(
    of_round: Round,
    image: Image,
    *,
    network: str = "unet-resnet18",
    kind: str = "out_of_fold",
    p8: npt.NDArray[np.uint8] | None = None,
    disagreement: float | None = 0.1,
    threshold: int = 128,
    label: str = "infection",
    disagreement_key: str = "",
    findings: Mapping[str, object] | None = None,
) -> Proposal:
    if p8 is None:
        rows, columns = np.mgrid[0:64, 0:64]
        near = np.hypot(rows - 32, columns - 32 - len(network) % 5)
        p8 = np.clip(255 - near * 8, 0, 255).astype(np.uint8)
    return Proposal.objects.create(
        round=of_round,
        image=image,
        label=label_of(image.project, label),
        network=network,
        kind=kind,
        members=[[network, 0]],
        probability_key=storage.put(image.project_id, encode_probability(p8)),
        disagreement=disagreement if label == "infection" else None,
        threshold=threshold,
        is_waiting=label == "infection",
        disagreement_key=disagreement_key,
        findings=findings or {},
    )


def make_proposals(of_round: Round, image: Image, *, kind: str = "mean") -> list[Proposal]:
    """Create the proposals of one image: two networks, their ensemble, lungs and activation map."""
    made = [
        make_proposal(of_round, image, network="unet-resnet18", kind=kind),
        make_proposal(of_round, image, network="unetplusplus-resnet18", kind=kind),
    ]
    infection = decode_probability(storage.read(made[0].probability_key))  # as of the ensemble
    masks = (
        threshold_mask(p8, shape=(image.height, image.width), t8=128)
        for p8 in (infection, lungs_p8())
    )
    measured = measure_findings(*masks, cutoffs=(0.01, 0.25, 0.5, 0.75), smallest_share=0.0005)
    spread = np.full((64, 64), 40, np.uint8)
    ensemble = make_proposal(
        of_round,
        image,
        network="ensemble",
        kind="ensemble",
        findings=measured.as_json(),
        disagreement_key=storage.put(image.project_id, encode_probability(spread)),
    )
    make_proposal(of_round, image, network="ensemble", kind="ensemble", p8=lungs_p8(), label="lung")
    require_label(project=image.project, key="activation", name="Activation map")
    for network, own in (("gradcam", kind), ("ensemble", "ensemble")):
        make_proposal(
            of_round, image, network=network, kind=own, p8=activation_p8(), label="activation"
        )
    return [*made, ensemble]


def activation_p8() -> npt.NDArray[np.uint8]:
    """Return an activation map: a soft spot at the upper left, stretched to 0..255."""
    rows, columns = np.mgrid[0:64, 0:64]
    return np.asarray(255 * np.exp(-((rows - 16) ** 2 + (columns - 20) ** 2) / 200), np.uint8)


def lungs_p8() -> npt.NDArray[np.uint8]:
    """Return a lung map: ovals left and right of the middle."""
    rows, columns = np.mgrid[0:64, 0:64]
    ovals = [((columns - x) / 11) ** 2 + ((rows - 32) / 22) ** 2 <= 1 for x in (18, 46)]
    return np.asarray(255 * (ovals[0] | ovals[1]), np.uint8)


def make_reference(
    image: Image,
    mask: Mask | None = None,
    *,
    reader: User | None = None,
    purpose: str = "seed",
    method: str = "single",
    verdict: str = "redrawn",
    origin: str = "",
    label: str = "infection",
) -> Reference:
    """Create the first reference of an image and label, from one annotation."""
    of_label = label_of(image.project, label)
    mask = disc(shape=(image.height, image.width)) if mask is None else mask
    is_excluded = verdict == Verdict.EXCLUDED
    key = "" if is_excluded else storage.put(image.project_id, encode_mask(mask))
    annotation = Annotation.objects.create(
        project=image.project,
        image=image,
        label=of_label,
        reader=reader,
        client_id=uuid.uuid4(),
        purpose=purpose,
        verdict=verdict,
        provenance=Provenance.MANUAL,
        mask_key=key,
        origin=origin,
    )
    reference = Reference.objects.create(
        project=image.project,
        image=image,
        label=of_label,
        method=method,
        verdict=verdict,
        mask_key=key,
    )
    ReferenceSource.objects.create(reference=reference, annotation=annotation)
    return reference


def make_assignment(
    image: Image,
    reader: User,
    *,
    purpose: str = "seed",
    of_round: Round | None = None,
    minutes: float = 15.0,
    **fields: object,
) -> Assignment:
    return Assignment.objects.create(
        project=image.project,
        image=image,
        reader=reader,
        purpose=purpose,
        round=of_round,
        is_blind=purpose in ("pick", "sealed"),
        lease_expires_at=timezone.now() + timedelta(minutes=minutes),
        **fields,
    )
