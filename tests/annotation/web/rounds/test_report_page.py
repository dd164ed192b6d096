"""The report page, its download and its overlays, and who may see them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture

from annotation.models import Image, Project, Round, User
from annotation.round_figures import RoundFigures, SealedCase
from annotation.selectors.rounds.records import round_plan
from annotation.services.members import open_project
from annotation.services.upkeep.withdrawal import withdraw_image
from annotation.web.plots.report_plots import learning_curve_plot, reliability_plot, roc_plot
from mlloop.contract.calibration import FittedThreshold
from mlloop.figures.fitting import unfitted_calibration
from tests.support.database import unguarded
from tests.support.factories import make_image, make_patient, make_proposals, make_round
from tests.support.reporting import give_report


@pytest.fixture
def measured(project: Project) -> tuple[Round, Image]:
    row, image = make_round(project), make_image(project)
    make_proposals(row, image)
    give_report(row, image)
    return row, image


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_report_page_when_the_round_is_measured_then_it_links_the_overlays_and_the_download(
    measured: tuple[Round, Image], member: Callable[..., User]
) -> None:
    client = client_of(member("engineer"))
    page = client.get(reverse("round_report", args=["pilot", 1])).content.decode()
    overlay = reverse("round_overlay", args=["pilot", 1, measured[1].id])
    assert overlay in page
    assert "n = 0: figures need 20 infected sealed images or more" in page
    assert "style=" not in page
    round_page = client.get(reverse("round", args=["pilot", 1])).content.decode()
    assert reverse("round_report", args=["pilot", 1]) in round_page
    report = client.get(reverse("api:round-report", args=["pilot", 1]))
    assert report.json()["worst"][0]["image"] == str(measured[1].id)
    assert "pilot-round-1-report.json" in report["Content-Disposition"]


def test_overlay_when_drawn_then_both_outlines_are_on_the_film(
    measured: tuple[Round, Image], member: Callable[..., User]
) -> None:
    url = reverse("round_overlay", args=["pilot", 1, measured[1].id])
    answer = client_of(member("curator")).get(url)
    pixels = np.asarray(Picture.open(io.BytesIO(answer.content)))
    assert pixels.shape == (80, 64, 3)
    colours = {tuple(pixel) for pixel in pixels.reshape(-1, 3).tolist()}
    assert {(255, 176, 64), (110, 190, 255)} <= colours


def test_overlay_when_the_image_is_not_a_worst_case_or_is_withdrawn_then_404(
    project: Project, measured: tuple[Round, Image], member: Callable[..., User]
) -> None:
    row, image = measured
    engineer = member("engineer")
    client = client_of(engineer)
    other = make_image(project)
    make_proposals(row, other)
    assert client.get(reverse("round_overlay", args=["pilot", 1, other.id])).status_code == 404
    withdraw_image(image=image, actor=engineer, reason="consent")
    assert client.get(reverse("round_overlay", args=["pilot", 1, image.id])).status_code == 404


def test_worst_cases_when_an_engineer_also_reads_then_no_film_is_shown(
    project: Project, measured: tuple[Round, Image], member: Callable[..., User]
) -> None:
    open_project(project=project, actor=None)  # elsewhere nobody has both roles
    client = client_of(member("engineer", "reader"))
    url = reverse("round_overlay", args=["pilot", 1, measured[1].id])
    assert client.get(url).status_code == 403
    page = client.get(reverse("round_report", args=["pilot", 1])).content.decode()
    assert url not in page
    assert str(measured[1].id) not in page
    report = client.get(reverse("api:round-report", args=["pilot", 1])).json()
    assert [line["dice"] for line in report["worst"]]
    assert str(measured[1].id) not in str(report)


def test_report_when_the_round_was_not_measured_then_404(
    project: Project, member: Callable[..., User]
) -> None:
    make_round(project)
    client = client_of(member("engineer"))
    assert client.get(reverse("round_report", args=["pilot", 1])).status_code == 404
    assert client.get(reverse("api:round-report", args=["pilot", 1])).status_code == 404


def test_plots_when_there_is_no_data_then_no_plot_is_drawn() -> None:
    assert roc_plot({"roc": {"fpr": [], "tpr": []}, "rates": []}) is None
    assert reliability_plot("sealed set", None) is None
    assert (
        learning_curve_plot([{"network": "unet", "fold": 0, "epochs": []}], "loss", "Loss") is None
    )


def test_roc_plot_when_any_pixel_was_measured_then_it_is_marked_on_the_curve() -> None:
    rates = [
        {"name": "sensitivity", "rule": "any pixel", "value": 1.0},
        {"name": "specificity", "rule": "any pixel", "value": 0.5},
    ]
    plot = roc_plot({"roc": {"fpr": [0.0, 0.5, 1.0], "tpr": [0.0, 1.0, 1.0]}, "rates": rates})
    assert plot is not None
    assert plot.lines[1].path == "M50.0 250.0L200.0 12.0L350.0 12.0"
    assert [(point.x, point.y) for point in plot.points] == [(200.0, 12.0)]


def test_learning_curve_plot_when_members_differ_in_network_then_each_network_has_its_colour() -> (
    None
):
    epochs = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
    members = [{"network": n, "fold": f, "epochs": epochs} for n in ("b", "a") for f in (0, 1)]
    plot = learning_curve_plot(members, "loss", "Loss")
    assert plot is not None
    assert [line.css for line in plot.lines] == ["series-1", "series-1", "series-0", "series-0"]
    assert plot.lines[0].path == "M50.0 12.0L550.0 101.0"


def test_report_page_when_sealed_figures_are_shown_then_the_page_names_threshold_and_images(
    project: Project, member: Callable[..., User]
) -> None:
    row = make_round(project)
    lines = []
    for i in range(44):
        image = make_image(project, patient=make_patient(project, f"s{i}", split="sealed"), seed=i)
        Image.objects.filter(pk=image.pk).update(source="west" if i < 22 else "east")
        tp = 0 if i < 22 else 40 + i
        counts = {"tp": tp, "fp": 7, "fn": 3 if tp else 0, "tn": 5000, "peak": 200}
        counts["cell"] = 2 if tp else 1
        lines.append(SealedCase(str(image.id), str(i), "covid", **counts))
    give_report(row, sealed=lines)
    threshold = FittedThreshold("ensemble", 91, 128, 0.5, 0.4)
    calibration = replace(unfitted_calibration(round_plan(row)), thresholds=(threshold,))
    row.metrics = RoundFigures(calibration=calibration).to_json()
    with unguarded():
        row.save()
    page = client_of(member("engineer")).get(reverse("round_report", args=["pilot", 1]))
    text = page.content.decode()
    assert "any pixel, p ≥ 91/255" in text
    assert "(Degerli and others, 2021) is at p &gt; 0.5, which is 128/255" in text
    assert "annotated images, and controls as empty masks" in text
    assert "annotated images, no controls" in text
    assert "without controls" in text
    assert "All 22 images of west are without infection" in text
