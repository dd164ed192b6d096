"""The JSON Schema of a record, made from its dataclass, for text editors and other programs.

It has the fields and their types. The record itself checks ranges and rules over several fields.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mlloop.contract.plan import Plan

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean"}
Schema = dict[str, object]


def plan_schema() -> Schema:
    """Return the JSON Schema of a round plan, version 1."""
    schema = _record(Plan)
    properties = schema["properties"]
    if isinstance(properties, dict):
        properties["version"] = {"const": 1, "default": 1}
    return {"$schema": _DRAFT, "title": "Round plan, version 1", **schema}


def _record(cls: Any) -> Schema:
    hints = get_type_hints(cls)
    properties: dict[str, Schema] = {}
    required = []
    for field in dataclasses.fields(cls):
        properties[field.name] = _type(hints[field.name])
        if field.default is not dataclasses.MISSING:
            properties[field.name]["default"] = field.default
        elif field.default_factory is dataclasses.MISSING:
            required.append(field.name)
    return {
        "type": "object",
        "description": (cls.__doc__ or "").splitlines()[0],
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _type(hint: Any) -> Schema:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type(arg) for arg in args]}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return {"type": "array", "items": _type(args[0])}
        items = [_type(arg) for arg in args]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if hint is type(None):
        return {"type": "null"}
    if dataclasses.is_dataclass(hint):
        return _record(hint)
    return {"type": _SCALARS[hint]}
