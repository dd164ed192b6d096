"""Domain errors: what a caller would treat differently, one class each; no framework in here.

RoundtruthError
├── NotFound              the thing does not exist, or this person may not know that it does
├── Forbidden             it exists and this person may not do this to it
├── Invalid               the input is wrong; the sentence says what, where and what to do
├── Conflict              the state of the thing does not allow it now
│   ├── StaleDraft        a save lost a race; both masks are kept
│   └── DraftMoved        a decision was made on another drawing than the server has
├── LeaseLost             the case belongs to somebody else now, or the lease has lapsed
├── PreconditionRequired  a save without If-Match or If-None-Match
└── Refused               a whole operation is refused, with the reason (exit code 1 of a command)
"""

from __future__ import annotations


class RoundtruthError(Exception):
    """Carry one plain sentence for the person, a stable code for programs, and the field."""

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
    """Name both masks so that nothing is lost."""

    code = "stale_draft"

    def __init__(
        self, sentence: str, *, current_etag: str, yours_etag: str, lost_draft: str
    ) -> None:
        super().__init__(sentence)
        self.current_etag = current_etag
        self.yours_etag = yours_etag
        self.lost_draft = lost_draft
        self.current_url: str | None = None  # the API fills in where both can be fetched
        self.yours_url: str | None = None


class DraftMoved(Conflict):
    """Name the drawing that the decision did not see; None where there is none."""

    code = "draft_moved"

    def __init__(self, sentence: str, *, current_etag: str | None) -> None:
        super().__init__(sentence, field="draft_etag")
        self.current_etag = current_etag
        self.current_url: str | None = None  # the API fills in where it can be fetched


class LeaseLost(RoundtruthError):
    code = "lease_lost"


class PreconditionRequired(RoundtruthError):
    code = "precondition_required"


class Refused(RoundtruthError):
    code = "refused"
