from __future__ import annotations

import threading
import time

import pytest
import torch

from mlloop.training.loading import Batch, Loader


def numbered(step: int) -> Batch:
    return torch.tensor([step]), torch.tensor([-step])


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("ahead", [0, 1, 8])
def test_loader_when_followed_hands_out_every_step_in_order(threads: int, ahead: int) -> None:
    def make(step: int) -> Batch:
        time.sleep(0.01 if step % 3 == 0 else 0)  # later steps are ready first
        return numbered(step)

    with Loader(make, first=3, end=20, threads=threads, ahead=ahead) as loader:
        steps = [int(loader.next()[0]) for _ in range(17)]
    assert steps == list(range(3, 20))


def test_loader_when_the_network_is_busy_prepares_the_next_batch_meanwhile() -> None:
    made = threading.Event()

    def make(step: int) -> Batch:
        if step == 1:
            made.set()
        return numbered(step)

    with Loader(make, first=0, end=5, threads=1, ahead=1) as loader:
        loader.next()
        assert made.wait(20)


def test_loader_when_left_early_makes_no_more_than_was_asked_ahead() -> None:
    made: list[int] = []

    def make(step: int) -> Batch:
        made.append(step)
        return numbered(step)

    with Loader(make, first=0, end=1000, threads=2, ahead=2) as loader:
        loader.next()
    assert len(made) <= 4
    before = len(made)
    time.sleep(0.02)
    assert len(made) == before


def test_loader_when_a_batch_cannot_be_made_says_so_in_its_turn() -> None:
    def make(step: int) -> Batch:
        if step == 2:
            raise OSError("the film is gone")
        return numbered(step)

    with Loader(make, first=0, end=5, threads=2, ahead=2) as loader:
        loader.next()
        loader.next()
        with pytest.raises(OSError, match="film is gone"):
            loader.next()
