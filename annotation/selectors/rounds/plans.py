"""Turn a preset into text for the editor, and check an edited text into a plan."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.errors import Invalid, NotFound
from annotation.models import PlanEstimate, Project
from mlloop.contract.checks import PlanError
from mlloop.contract.json_text import JsonError, read_json_text
from mlloop.contract.network_plan import IMAGENET
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset

MAX_LENGTH = 50_000


def preset_text(name: str) -> str:
    """Return a preset's plan as indented JSON; raise Invalid if it is unknown."""
    try:
        return json.dumps(preset(name).to_json(), indent=2)
    except PlanError as error:
        raise Invalid(f"There is no such plan. {error}", field="preset") from None


def parse_plan_text(text: str) -> Plan:
    """Return the plan that the text holds; raise Invalid with the line, or the field and reason."""
    if len(text) > MAX_LENGTH:
        raise Invalid(f"A plan has at most {MAX_LENGTH} characters.", field="plan")
    try:
        data = read_json_text(text)
    except JsonError as error:
        raise Invalid(f"The plan cannot be read. {error}", field="plan") from None
    return parse_plan(data)


def parse_plan(data: object) -> Plan:
    """Return the plan that decoded JSON holds; raise Invalid with the field and the reason."""
    try:
        plan = Plan.from_json(data)
        _check_weights(plan)
    except PlanError as error:
        sentence = f"The plan cannot be used. {error}"
        raise Invalid(sentence, code="bad_plan", field=error.field or "plan") from None
    return plan


def _check_weights(plan: Plan) -> None:
    """Refuse initial weights from outside their folder, and downloads that are not allowed."""
    for number, network in enumerate(plan.networks):
        if network.encoder_weights is None:
            continue
        if network.encoder_weights == IMAGENET:
            _require_download(network.encoder, number)
            continue
        path = Path(str(network.encoder_weights).removeprefix("file:"))
        try:
            is_inside = path.resolve().is_relative_to(settings.ENCODER_WEIGHTS)
        except (OSError, RuntimeError, ValueError):  # too long, links in a circle, no file name
            is_inside = False
        if not is_inside:
            raise PlanError(
                f"networks[{number}].encoder_weights",
                "a file in the server's folder of encoder weights is needed: put it there and"
                f" give file:{settings.ENCODER_WEIGHTS}/NAME.safetensors.",
            )


def _require_download(encoder: str, number: int) -> None:
    if encoder not in settings.DOWNLOADS:
        raise PlanError(
            f"networks[{number}].encoder_weights",
            f"this server does not download the ImageNet weights of {encoder}. Ask the operator to"
            f" put them into its folder of encoder weights, and give"
            f" file:{settings.ENCODER_WEIGHTS}/NAME.safetensors. The operator can also allow this"
            " download with ROUNDTRUTH_DOWNLOADS.",
        )


def estimate_of(project: Project, estimate_id: UUID) -> PlanEstimate:
    """Return an estimate of this project; raise NotFound if a newer one replaced it."""
    estimate = project.plan_estimates.filter(pk=estimate_id).first()
    if estimate is None:
        raise NotFound("This estimate was replaced by a newer one. Ask again.")
    return estimate
