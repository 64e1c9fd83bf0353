"""Orders of the rows from compiled code: NumPy's own, to the last number."""

import numpy as np
import pytest

from fallline.engine import orders


@pytest.mark.parametrize(("n", "count"), [(1, 2000), (2, 1000), (3, 700), (1000, 4), (4097, 1)])
def test_as_numpy_draws_them(n: int, count: int) -> None:
    ours = [np.random.default_rng(seed) for seed in (0, 7)]
    theirs = [np.random.default_rng(seed) for seed in (0, 7)]
    for generator in (ours[1], theirs[1]):
        generator.integers(0, 9, dtype=np.uint32)  # leaves half a number over
    assert orders.as_numpy()
    drawn = orders.permutations(ours, n, count)
    assert (drawn == orders.joined(theirs, n, count)).all()
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.bit_generator.state == other.bit_generator.state


def test_few_rows_and_other_generators_go_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "compiled", None)
    assert sorted(orders.permutations([np.random.default_rng(0)], 5, 1)) == list(range(5))
    other = np.random.Generator(np.random.MT19937(0))
    assert len(orders.permutations([other], 3000, 2)) == 6000


def test_another_shuffle_in_numpy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    orders.as_numpy.cache_clear()
    monkeypatch.setattr(orders, "joined", lambda generators, n, count: np.arange(n * count))
    assert not orders.as_numpy()
    monkeypatch.undo()
    orders.as_numpy.cache_clear()
