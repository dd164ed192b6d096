"""Domain errors: one class for each failure that a caller treats differently. No framework.

RoundtruthError
├── NotFound              the row does not exist, or this person may not know that it exists
├── Forbidden             the row exists and this person's role does not allow the action
├── Invalid               the input is wrong; the sentence names the field and the remedy
├── Conflict              the state of the row does not allow the action now
│   ├── StaleDraft        a save over a newer draft; both masks are kept
│   └── DraftMoved        a decision about a drawing that is not the server's current draft
├── LeaseLost             another reader has the case, or the lease has lapsed
├── TooManyAttempts       signing in failed too often; try again after a while
├── PreconditionRequired  a save without If-Match or If-None-Match
└── Refused               a whole operation is refused, with the reason (exit code 1 of a command)
"""

from __future__ import annotations

import math


class RoundtruthError(Exception):
    """An error with a sentence for the person, a stable code for programs, and the field."""

    code = "error"

    def __init__(self, sentence: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.code
        self.field = field


class NotFound(RoundtruthError):
    code = "not_found"


class Forbidden(RoundtruthError):
    code = "forbidden"


class Invalid(RoundtruthError):
    code = "invalid"


class Conflict(RoundtruthError):
    code = "conflict"


class StaleDraft(Conflict):
    """A refused save. Names the ETags of both masks, so that the reader can fetch each."""

    code = "stale_draft"

    def __init__(
        self, sentence: str, *, current_etag: str, yours_etag: str, lost_draft: str
    ) -> None:
        super().__init__(sentence)
        self.current_etag = current_etag
        self.yours_etag = yours_etag
        self.lost_draft = lost_draft
        self.current_url: str | None = None  # the API fills in both addresses
        self.yours_url: str | None = None


class DraftMoved(Conflict):
    """A refused decision. Names the ETag of the current draft; None if there is no draft."""

    code = "draft_moved"

    def __init__(self, sentence: str, *, current_etag: str | None) -> None:
        super().__init__(sentence, field="draft_etag")
        self.current_etag = current_etag
        self.current_url: str | None = None  # the API fills in the address


class LeaseLost(RoundtruthError):
    code = "lease_lost"


class TooManyAttempts(RoundtruthError):
    """An attempt to sign in that came too early; `seconds` says when the next one may come."""

    code = "too_many_requests"

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        unit = "second" if self.seconds == 1 else "seconds"
        super().__init__(
            f"Signing in failed too often. Try again in {self.seconds} {unit}. Nothing is locked."
        )


class PreconditionRequired(RoundtruthError):
    code = "precondition_required"


class Refused(RoundtruthError):
    code = "refused"
