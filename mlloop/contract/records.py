"""Typed JSON records: frozen dataclasses to and from JSON, written by atomic rename.

Refuses unknown, missing and wrongly typed fields and names the field. It never converts a value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import tempfile
import types
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

R = TypeVar("R")
_SHOWN = 80  # characters of a wrong value that an error sentence repeats


class FieldError(ValueError):
    """One field of a record is wrong. The sentence may be shown to a person."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def canonical_json(record: object) -> bytes:
    """Return a record or plain value as canonical bytes: sorted keys, no spaces, no NaN."""
    return json.dumps(
        _plain(record), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    ).encode()


def digest(record: object) -> str:
    """Return the sha256 of a record's canonical JSON."""
    return hashlib.sha256(canonical_json(record)).hexdigest()


def to_plain(record: object) -> dict[str, object]:
    """Return a record as plain JSON values. `from_plain` reads them back."""
    plain: dict[str, object] = json.loads(canonical_json(record))
    return plain


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Other processes see the whole file or no change, even after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, record: object) -> None:
    """Write a record or plain value as indented JSON by atomic rename."""
    text = json.dumps(_plain(record), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, text.encode() + b"\n")


def read_json(path: Path) -> object:
    """Read a JSON file. Raises FieldError with a sentence for people."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise FieldError("", f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise FieldError("", f"{path.name} is not valid JSON: {error}.") from error


def from_plain(cls: type[R], data: object, *, at: str = "") -> R:
    """Build the dataclass `cls` from decoded JSON, or raise FieldError naming the field."""
    if not isinstance(data, dict):
        raise FieldError(at, "an object is expected.")
    fields = {f.name: f for f in dataclasses.fields(cast("Any", cls))}
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise FieldError(_join(at, str(unknown[0])), "this field is not known.")
    hints = _hints(cast("Any", cls))
    values = {}
    for name, field in fields.items():
        where = _join(at, name)
        if name in data:
            values[name] = _value(hints[name], data[name], where)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(where, "this field is missing.")
    try:
        return cls(**values)
    except FieldError as error:
        raise type(error)(_join(at, error.field), error.reason) from error


@cache
def _hints(cls: type[object]) -> dict[str, Any]:
    """Return a record's field types. Cached: resolving them takes longer than reading a record."""
    return get_type_hints(cls)


def _plain(record: object) -> object:
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: _plain(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, dict):
        return {str(key): _plain(value) for key, value in record.items()}
    if isinstance(record, frozenset):
        return sorted(_plain(item) for item in record)  # type: ignore[type-var]
    if isinstance(record, list | tuple):
        return [_plain(item) for item in record]
    return record


def _shown(data: object) -> str:
    """Return a wrong value as a sentence repeats it: short, however large or deep the value is."""
    if isinstance(data, dict | list | tuple):
        return "an object" if isinstance(data, dict) else "a list"
    text = repr(data)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at and name else at or name


def _value(hint: Any, data: object, at: str) -> object:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        return _value(next(arg for arg in args if arg is not type(None)), data, at)
    if origin is Literal:
        if data not in args or isinstance(data, bool):
            raise FieldError(at, f"{_shown(data)} is not one of {', '.join(map(str, args))}.")
        return data
    if origin is tuple:
        return _items(args, data, at)
    if origin is frozenset:
        return frozenset(_items((*args, Ellipsis), data, at))
    if origin is dict:
        return _entries(args[1], data, at)
    if dataclasses.is_dataclass(hint):
        return from_plain(cast("type[object]", hint), data, at=at)
    return _scalar(hint, data, at)


def _items(args: tuple[Any, ...], data: object, at: str) -> tuple[object, ...]:
    if not isinstance(data, list | tuple):
        raise FieldError(at, "a list is expected.")
    if len(args) == 2 and args[1] is Ellipsis:
        # A table has hundreds of whole numbers. Naming each of them would take most of the time.
        if args[0] is int and all(type(item) is int for item in data):
            return tuple(data)
        return tuple(_value(args[0], item, f"{at}[{i}]") for i, item in enumerate(data))
    if len(data) != len(args):
        raise FieldError(at, f"{len(args)} values are expected, {len(data)} were given.")
    return tuple(
        _value(arg, item, f"{at}[{i}]")
        for i, (arg, item) in enumerate(zip(args, data, strict=True))
    )


def _entries(hint: Any, data: object, at: str) -> dict[str, object]:
    if not isinstance(data, dict):
        raise FieldError(at, "an object is expected.")
    return {str(key): _value(hint, value, _join(at, str(key))) for key, value in data.items()}


def _scalar(hint: Any, data: object, at: str) -> object:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    has_type = type(data) is hint or (hint is float and type(data) is int)
    if not has_type:
        raise FieldError(at, f"{names[hint]} is expected, {_shown(data)} was given.")
    if hint is float:
        try:
            number = float(cast("float", data))
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise FieldError(at, "a finite number is expected.")
        return number
    return data
