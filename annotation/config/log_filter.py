"""Keep the keys of links that were sent by e-mail out of the log.

Whoever has such a link can set the account's password. Django logs the path of every request that
it refuses, for example one that came too often.
"""

from __future__ import annotations

import logging
import re

_LINK = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/\s'\"]+")


class HideKeysOfLinks(logging.Filter):
    """Replace the key in the path of a link by dots. No record is dropped."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = _LINK.sub(r"\1...", message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True
