"""Errors that the request or the machine causes, each as a status, a code and a sentence. No bugs.

A full disk, a database that does not answer and a value that no column can hold are not the
program's faults. A person gets a sentence that says what to do; the log gets the traceback.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from http import HTTPStatus

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DataError, InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = ("disk is full", "no space left", "disk full")


@dataclass(frozen=True, slots=True)
class Failure:
    """How an error is answered. `retry_after` is in seconds; 0 says nothing about a retry."""

    status: HTTPStatus
    code: str
    sentence: str
    retry_after: int = 0


DISK_FULL = Failure(
    HTTPStatus.INSUFFICIENT_STORAGE,
    "disk_full",
    "The server's disk is full, so nothing was saved. Tell the administrator, and try again when"
    " there is room.",
)
STORAGE_DOWN = Failure(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "storage_unavailable",
    "The server cannot read or write its files now, so nothing was saved. Tell the administrator,"
    " and try again.",
    retry_after=5,
)
DATABASE_DOWN = Failure(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "database_unavailable",
    "The server's database does not answer now, so nothing was saved. Try again in a few seconds.",
    retry_after=5,
)
UNSTORABLE = Failure(
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid",
    "A value in this request cannot be stored: it is too long, out of range, or holds a character"
    " that is not allowed.",
)
TOO_LARGE = Failure(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The request is larger than the server takes."
)
TOO_MANY = Failure(
    HTTPStatus.BAD_REQUEST, "malformed", "The request has more fields or files than allowed."
)
CUT_SHORT = Failure(
    HTTPStatus.BAD_REQUEST,
    "malformed",
    "The request ended before all of it arrived. Send it again.",
)
UNREADABLE = Failure(HTTPStatus.BAD_REQUEST, "malformed", "The server could not read this request.")
BUG = Failure(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "server_error",
    "The server had an error. Saved work is not lost. Try again. If the error comes back, tell the"
    " administrator when it happened.",
)


def outside_failure(error: BaseException | None) -> Failure | None:
    """Return how to answer an error of the request or of the machine; None for any other error."""
    for kinds, failure in _KINDS:
        if isinstance(error, kinds):
            return failure
    if isinstance(error, BadRequest):
        return Failure(HTTPStatus.BAD_REQUEST, "malformed", str(error) or UNREADABLE.sentence)
    if isinstance(error, OperationalError | InterfaceError):
        is_full = any(words in str(error).lower() for words in _FULL_WORDS)
        return DISK_FULL if is_full else DATABASE_DOWN
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return DISK_FULL if error.errno in _FULL else STORAGE_DOWN
    return None


# The first kind that fits is taken, so a special kind stands before its general kind.
_KINDS: tuple[tuple[tuple[type[Exception], ...], Failure], ...] = (
    ((RequestDataTooBig,), TOO_LARGE),
    ((TooManyFieldsSent, TooManyFilesSent), TOO_MANY),
    ((SuspiciousOperation, MultiPartParserError), UNREADABLE),
    ((UnreadablePostError,), CUT_SHORT),
    ((DataError,), UNSTORABLE),
)
