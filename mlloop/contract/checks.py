"""The check that plans and manifests call for each rule: it names the field and the reason."""

from __future__ import annotations

import re

from mlloop.contract.records import FieldError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class PlanError(FieldError):
    """The round plan is wrong; the error says which field, and why."""


def require(ok: bool, field: str, reason: str, error: type[FieldError] = PlanError) -> None:
    """Raise `error` for `field` unless `ok`."""
    if not ok:
        raise error(field, reason)
