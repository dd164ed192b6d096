from __future__ import annotations

import io
import json
import logging

import pytest

from mlloop.contract.events import emit_line
from mlloop.folders.terminal import Terminal

SENTENCE = "Memory ran out: images pass 2 at a time."


def test_event_when_it_has_a_sentence_is_a_line_for_the_parent_and_one_in_the_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mlloop"):
        emit_line("smaller_chunk", parts=2, message=SENTENCE)
        emit_line("progress", done=1, total=2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["smaller_chunk", "progress"]
    assert caplog.messages == [SENTENCE]


def test_terminal_when_an_event_has_a_sentence_shows_it() -> None:
    stream = io.StringIO()
    Terminal(stream)("smaller_chunk", parts=2, message=SENTENCE)
    assert SENTENCE in stream.getvalue()
