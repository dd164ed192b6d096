"""The report: sealed figures of whole cells only, and the worst out-of-fold cases."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from annotation.models import Image, Project
from annotation.round_figures import SealedCase
from annotation.services.rounds.measuring import Measured
from annotation.services.rounds.reporting import WORST, make_report
from annotation.services.rounds.subgroups import HIDDEN
from mlloop.figures.metrics import Counts, estimate
from tests.support.factories import make_image, make_patient, make_round


@pytest.fixture
def images(project: Project) -> list[Image]:
    """48 patients of two sources. No image of the west shows an infection."""
    made = []
    for i in range(48):
        patient = make_patient(project, f"s{i}", split="sealed")
        image = make_image(project, patient=patient, seed=i)
        Image.objects.filter(pk=image.pk).update(
            source="east" if i < 24 else "west", view_position="AP" if i % 2 else "PA"
        )
        made.append(image)
    return made


def sealed_case(image: Image, i: int) -> SealedCase:
    fn, tp = (0, 0) if i >= 24 or i % 8 == 7 else (40, 20 + 10 * i)
    fp = 0 if i % 3 else 12
    pixels = image.height * image.width
    return SealedCase(
        image=str(image.id),
        patient=image.patient.key,
        group="covid",
        tp=tp,
        fp=fp,
        fn=fn,
        tn=pixels - tp - fp - fn,
        peak=200 if tp + fp else 90,
        cell=1 if tp + fn else 2,
    )


def report(project: Project, chosen: list[Image], unseen: list[Measured] = []):  # noqa: B006
    lines = [sealed_case(image, i) for i, image in enumerate(chosen)]
    return make_report(
        make_round(project),
        sealed=lines,
        reliability={"ece": 0.1, "n_pixels": 9, "bins": []},
        proposals={"ensemble": unseen},
    ), lines


def test_report_when_sealed_images_are_enough_then_each_figure_is_that_of_the_metrics(
    project: Project, images: list[Image]
) -> None:
    made, lines = report(project, images)
    json.dumps(made, allow_nan=False)
    many = [line.counts for line in lines]
    patients = [line.patient for line in lines]
    by_name = {(line["name"], line["convention"]): line for line in made["sealed"]["pixels"]}
    assert len(by_name) == 16
    expected = estimate(many, patients, name="f2", convention="pooled").as_json()
    numbers = {name: round(expected[name], 3) for name in ("value", "ci_low", "ci_high")}
    assert by_name["f2", "pooled"] == expected | numbers
    detection = made["sealed"]["detection"]
    assert set(detection["roc"]) == {"fpr", "tpr"}  # a threshold is what one image scored
    rate = {line["name"]: line for line in detection["rates"] if line["rule"] == "any pixel"}
    infected = [counts for counts in many if counts.tp + counts.fn]
    n_detected = sum(counts.tp + counts.fp > 0 for counts in infected)
    assert rate["sensitivity"]["value"] == round(n_detected / len(infected), 3)
    assert (rate["sensitivity"]["n"], rate["sensitivity"]["n_positive"]) == (48, 21)
    assert made["sealed"]["reliability"]["ece"] == 0.1


def test_report_when_a_subgroup_parts_a_cell_then_neither_its_figures_nor_its_number_are_written(
    project: Project, images: list[Image]
) -> None:
    sealed = report(project, images)[0]["sealed"]
    east, west = sealed["detection"]["sources"]
    # Three of the 27 images without infection are in the east: their cell lies in neither source.
    assert (east["source"], east["n"]) == ("east", 21)
    assert "All 21 images of east are with infection" in east["warning"]
    assert west == {"source": "west", "hidden": HIDDEN}
    shown = {line["name"]: line["n"] for line in sealed["subgroups"] if "n" in line}
    assert shown == {"infected films": 21, "covid": 48, "east": 21, "none": 27}
    for line in sealed["subgroups"]:
        assert ("hidden" in line) == (line["name"] not in shown) == ("pooled" not in line)
    assert {line["by"] for line in sealed["subgroups"]} == {
        "without controls",
        "view",
        "group",
        "source",
        "infection size",
    }
    (infected,) = [line for line in sealed["subgroups"] if line["by"] == "without controls"]
    assert (infected["n"], infected["pooled"]["n"]) == (21, 21)


def test_report_when_a_subgroup_is_of_one_patient_then_it_has_no_interval(
    project: Project, images: list[Image]
) -> None:
    lines = [sealed_case(image, i) for i, image in enumerate(images)]
    lines = [replace(line, patient="one") if line.cell == 1 else line for line in lines]
    made = make_report(make_round(project), sealed=lines, reliability=None, proposals={})
    (east,) = [line for line in made["sealed"]["subgroups"] if line["name"] == "east"]
    for convention in ("per_image", "pooled"):
        assert east[convention]["value"] is not None
        assert (east[convention]["ci_low"], east[convention]["ci_high"]) == (None, None)
    assert made["sealed"]["detection"]["sources"][0]["auc"]["ci_low"] is None


def test_report_when_sealed_images_are_few_then_none_of_their_figures_is_in_it(
    project: Project, images: list[Image]
) -> None:
    made, _ = report(project, images[:19])
    assert made["sealed"] == {
        "n": 19,
        "hidden": "n = 19: figures need 20 infected sealed images or more",
    }


def test_report_when_no_image_was_read_then_it_says_n_0(project: Project) -> None:
    made, _ = report(project, [])
    assert made["sealed"]["n"] == made["out_of_fold"]["n"] == 0
    assert made["worst"] == []
    assert all(line["value"] is None for line in made["out_of_fold"]["pixels"])


def test_report_when_many_proposals_are_unseen_then_the_twelve_worst_are_named(
    project: Project, images: list[Image]
) -> None:
    unseen = [
        Measured(str(image.id), image.patient.key, *[Counts(5 * i, 20, 20, 5000)] * 2)
        for i, image in enumerate(images[:16])
    ]
    empty = Measured(str(images[20].id), "x", *[Counts(0, 0, 0, 5000)] * 2)
    made, _ = report(project, [], [empty, *reversed(unseen)])
    assert [line["image"] for line in made["worst"]] == [case.image for case in unseen[:WORST]]
    assert made["worst"][0] == {
        "image": unseen[0].image,
        "dice": 0.0,
        "reference_pixels": 20,
        "proposal_pixels": 20,
    }
