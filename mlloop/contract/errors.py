"""The errors of a child process: a code for machines and a sentence for people.

LearningError
└── Stopped   the process obeyed SIGTERM; everything that a restart needs is on disk
"""

from __future__ import annotations

from collections.abc import Callable

Stop = Callable[[], bool]  # called between two steps: True means that the process must stop


class LearningError(Exception):
    """Training, proposing or evaluating cannot continue. The sentence may be shown to a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Stopped(LearningError):
    """The process stopped on request. It can be started again."""

    def __init__(self) -> None:
        super().__init__("stopped", "Stopped on request; the work done so far is kept.")
