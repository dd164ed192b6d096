"""What can go wrong in a child process, as a code for machines and a sentence for people.

LearningError
└── Stopped   SIGTERM was obeyed; everything needed to go on is on disk
"""

from __future__ import annotations

from collections.abc import Callable

Stop = Callable[[], bool]  # asked between two steps: has somebody wished us to stop?


class LearningError(Exception):
    """Training, proposing or evaluating cannot go on; the sentence can be shown to a person."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Stopped(LearningError):
    """The process was asked to stop and did; it can be started again."""

    def __init__(self) -> None:
        super().__init__("stopped", "Stopped on request; the work done so far is kept.")
