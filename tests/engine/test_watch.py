"""The memory of recorded losses: used again once nobody looks at it, and not before."""

import numpy as np
import pytest

import fallline as fl
from fallline import lesson
from fallline.arrays import Array
from fallline.engine import watch
from fallline.engine.records import address_of


@pytest.fixture(autouse=True)
def none_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "kept", [])


def test_memory_is_used_again_when_all_that_is_cut_out_of_it_is_dropped() -> None:
    losses = watch.room(5_000)
    first = address_of(losses)
    losses[:] = 1.0
    cut: Array | None = losses[:100]
    del losses
    other = watch.room(5_000)
    other[:] = 2.0
    assert address_of(other) != first
    np.testing.assert_array_equal(cut, np.ones(100))
    cut = None
    shorter = watch.room(4_000)
    assert address_of(shorter) == first
    assert shorter.shape == (4_000,)
    assert shorter.dtype == np.float64
    np.testing.assert_array_equal(other, np.full(5_000, 2.0))


def test_only_a_few_pieces_are_kept_and_too_short_ones_are_not_used() -> None:
    many = [watch.room(3_000) for _ in range(2 * watch.MAX_KEPT)]
    many.clear()
    assert len(watch.kept) == watch.MAX_KEPT
    assert len(watch.room(6_000)) == 6_000
    assert len(watch.room(10)) == 10  # which is not worth it


def test_a_history_keeps_its_losses_while_others_are_trained() -> None:
    def trained(seed: int) -> fl.History:
        net = lesson.truth_table_network((2,), seed)
        return fl.train(net, lesson.TRAIN_X, lesson.TRAIN_Y, epochs=4_000)

    lists = {seed: trained(seed).loss for seed in (0, 1, 2)}
    held = trained(0)
    for seed in (1, 2, 1):
        assert trained(seed).loss == lists[seed]
    assert held.loss == lists[0]
