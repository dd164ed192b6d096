"""The report of a simulation as JSON facts. `conventions` explains each figure."""

from __future__ import annotations

from collections import Counter

from annotation.management.simulation import SimulatedRound, Simulation
from annotation.models import Project, Round
from annotation.selectors.labels import READING_LABEL
from annotation.selectors.rounds.against_truth import (
    changed_pixels,
    images_read_in_rounds,
    references_against_truth,
    sealed_difference,
)
from annotation.selectors.rounds.leaks import find_leaks
from annotation.selectors.rounds.sealed import rounded, shown_figures
from mlloop.figures.metrics import Estimate
from mlloop.pixels.severity import GRADES

Facts = dict[str, object]

VERDICTS = ("picked", "corrected", "redrawn", "no_infection", "excluded")


def proposals_arm_facts(simulation: Simulation) -> Facts:
    """Return the figures of the arm in which readers get proposals."""
    first, last = simulation.rounds[0].round, simulation.rounds[-1].round
    shared = images_read_in_rounds(simulation.project)
    return {
        "conventions": {
            "proposal_dice": "ensemble proposals against truth, on patients that the networks did "
            "not see; ci95 belongs to the per-image mean, ci95_pooled to the pooled Dice",
            "sealed_dice": "sealed images with a reference, and controls as empty masks, in cells "
            "of 20 or more that never change; null if fewer than 20 infected ones are read; "
            "sealed_ci95 belongs to the per-image mean, sealed_ci95_pooled to the pooled Dice",
            "intervals": "95 %, bootstrap by patient; images have no Dice if both masks are empty",
            "proposal_films": "training images with a truth and a proposal; controls have no "
            "proposal. The sealed set has controls, so do not compare the two pooled figures. The "
            "masks are as readers get them: their threshold and weights were chosen on references "
            "of some of these images",
            "lung_dice": "lung ensemble out of fold against the known lung masks, at the plan's "
            "threshold; null if no lung mask is known",
            "severity": "proposals of the ensemble by grade of the infected share of both lungs; "
            "not_graded if the lungs are not known or not found",
            "changed_pixels": "pixels added to and removed from the best candidate, in open reads "
            "at its best threshold; every pixel of a redrawn mask",
            "changed_pixels_without_slider": "the same reads if no threshold had been moved",
        },
        "seed_reads": simulation.seed_reads.n_read,
        "sealed_reads": simulation.sealed_reads.n_read,
        "rounds": [_round_facts(simulated) for simulated in simulation.rounds],
        "sealed_pooled_last_less_first": rounded(sealed_difference(last, first).as_json()),
        "compared_images": len(shared),
        "changed_pixels": changed_pixels(simulation.project, shared),
        "changed_pixels_without_slider": sum(
            simulated.tally.changed_without_slider
            for simulated in simulation.rounds
            if simulated.round.stage != Round.Stage.STAGE_1  # picks are of seed images
        ),
        **_final_dice(simulation.project, shared),
        "leaks": sum(len(find_leaks(simulated.round)) for simulated in simulation.rounds),
    }


def manual_arm_facts(simulation: Simulation, shared: set[str] | None = None) -> Facts:
    """Return the figures of the manual arm.

    `shared` holds the pixel hashes of the images that both arms read. Without it, all training
    images are compared.
    """
    if shared is None:
        rows = simulation.project.images.values_list("pixel_sha256", flat=True)
        shared = set(rows.filter(patient__split="train"))
    return {
        "n_read": simulation.seed_reads.n_read,
        "compared_images": len(shared),
        "changed_pixels": changed_pixels(simulation.project, shared),
        **_final_dice(simulation.project, shared),
    }


def _final_dice(project: Project, shared: set[str]) -> Facts:
    agreement = references_against_truth(project, shared)
    return {
        "final_dice_to_truth": _value(agreement.per_image),
        "final_dice_to_truth_pooled": _value(agreement.pooled),
    }


def _round_facts(simulated: SimulatedRound) -> Facts:
    row, tally = simulated.round, simulated.tally
    figures = shown_figures(row)
    sealed, lung = figures.sealed, (figures.lung or {}).get("ensemble")
    if sealed is None or figures.gate is None:
        raise ValueError(f"{row} was not evaluated.")
    return {
        "number": row.number,
        "stage": row.stage,
        "members": row.members.count(),
        "networks": sorted(set(row.members.values_list("network", flat=True))),
        "folds": row.folds,
        "folds_note": row.folds_note,
        "n_train": row.n_train,
        "n_read": tally.n_read,
        "n_no_truth": len(tally.no_truth),
        "proposal_n": simulated.proposals.per_image.n,
        "proposal_dice_per_image": _value(simulated.proposals.per_image),
        "proposal_dice_pooled": _value(simulated.proposals.pooled),
        "ci95": _interval(simulated.proposals.per_image),
        "ci95_pooled": _interval(simulated.proposals.pooled),
        "verdicts": {name: tally.verdicts.get(name, 0) for name in VERDICTS},
        "changed_pixels": tally.changed_pixels,
        "changed_pixels_without_slider": tally.changed_without_slider,
        "redrawn_contour": tally.redrawn_contour,
        "severity": _severity(row),
        "lung_n": lung.per_image.n if lung else 0,
        "lung_dice_per_image": lung.per_image.value if lung else None,
        "lung_dice_pooled": lung.pooled.value if lung else None,
        "lung_ci95": [lung.per_image.ci_low, lung.per_image.ci_high] if lung else None,
        "gate": figures.gate.outcome,
        "sealed_n": sealed.pooled.n,
        "sealed_dice_per_image": sealed.per_image.value,
        "sealed_dice_pooled": sealed.pooled.value,
        "sealed_ci95": [sealed.per_image.ci_low, sealed.per_image.ci_high],
        "sealed_ci95_pooled": [sealed.pooled.ci_low, sealed.pooled.ci_high],
        "seconds": round(simulated.seconds, 1),
    }


def _severity(row: Round) -> dict[str, int]:
    """Return how many of the round's proposals have each severity grade."""
    proposals = row.proposals.filter(label__key=READING_LABEL, kind="ensemble")
    findings = proposals.values_list("findings", flat=True)
    grades = Counter(finding.get("grade") for finding in findings)
    return {**{grade: grades[grade] for grade in GRADES}, "not_graded": grades[None]}


def _value(estimate: Estimate) -> object:
    return estimate.as_json()["value"]


def _interval(estimate: Estimate) -> list[object]:
    fields = estimate.as_json()
    return [fields["ci_low"], fields["ci_high"]]
