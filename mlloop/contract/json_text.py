"""Reads JSON that came from outside, into values that every database and every file can hold.

Refuses what Python accepts and a later step cannot: deep nesting, numbers outside 64 bits, values
that are not numbers, NUL characters and lone surrogates.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

MAX_DEPTH = 64
_LARGEST = 2**63


class JsonError(ValueError):
    """The text is not JSON that can be used; the message is a sentence for people."""


def read_json_text(text: bytes | str) -> object:
    """Return the value that the text holds. Raises JsonError."""
    try:
        # json.loads would also accept UTF-16 and UTF-32 bytes; JSON between programs is UTF-8.
        data: object = json.loads(
            text.decode() if isinstance(text, bytes) else text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError:
        raise JsonError("The text is not UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"The text is not valid JSON: {place}: {error.msg}.") from None
    except RecursionError:
        raise _too_deep() from None
    _check(data)
    return data


def _check(data: object) -> None:
    """Look at every value, without recursion: the nesting may be as deep as the parser allows."""
    waiting = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            _check_characters(value)
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise _too_deep()
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            waiting.extend((item, depth + 1) for item in inner)


def _check_characters(value: str) -> None:
    if "\0" in value:
        raise JsonError("A text holds the character NUL (\\u0000), which cannot be stored.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise JsonError("A text holds half a character (a lone surrogate).") from None


def _whole(digits: str) -> int:
    # int() refuses more than 4,300 digits, and databases more than 64 bits.
    if len(digits) > 20 or not -_LARGEST <= int(digits) < _LARGEST:
        raise JsonError("A whole number has more than 64 bits.")
    return int(digits)


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise JsonError("A number is too large.")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not a JSON number.")


def _too_deep() -> JsonError:
    return JsonError(f"The text is nested more than {MAX_DEPTH} levels deep.")
