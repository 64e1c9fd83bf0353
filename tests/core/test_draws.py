"""The uniform numbers that are drawn without NumPy's generator are its numbers."""

import subprocess
import sys

import numpy as np
import pytest

import fallline as fl
from fallline.core import draws, initializers
from fallline.core.draws import FEW, Uniform, uniform_draws

SEEDS = [0, 1, 7, 2**32 - 1, 2**32, 2**64 + 5, 2**128 - 1, 2**128, 2**160 + 12345, 2**300 + 7]


@pytest.mark.parametrize("seed", SEEDS)
def test_they_are_numpys(seed: int) -> None:
    ours, numpys = Uniform(seed), np.random.default_rng(seed)
    for shape in [(3, 4), (1, 1), (2, 0), (500, 3)]:
        drawn = ours.random(shape)
        assert drawn.shape == shape
        assert drawn.dtype == np.float64
        assert drawn.tobytes() == numpys.random(shape).tobytes()


@pytest.mark.parametrize("name", sorted(initializers.UNIFORM))
def test_the_weights_are_those_of_numpys_uniform(name: str) -> None:
    bounds = {"uniform": 0.5, "glorot_uniform": np.sqrt(6 / 12), "he_uniform": np.sqrt(6 / 5)}
    for seed in range(20):
        expected = np.random.default_rng(seed).uniform(-bounds[name], bounds[name], (5, 7))
        for generator in (Uniform(seed), np.random.default_rng(seed)):
            W = initializers.get(name)(generator, 5, 7)
            np.testing.assert_allclose(W, expected, rtol=4e-16, atol=1e-16)
        assert initializers.get(name)(Uniform(seed), 5, 7).tobytes() == W.tobytes()


def test_every_initialiser_of_uniform_numbers_is_known_as_one() -> None:
    class OnlyRandom:
        def random(self, shape: tuple[int, int]) -> np.ndarray:
            return np.zeros(shape)

    for name, draw in initializers.INITIALIZERS.items():
        if name in initializers.UNIFORM:
            assert draw(OnlyRandom(), 2, 3).shape == (2, 3)
        else:
            with pytest.raises(AttributeError):
                draw(OnlyRandom(), 2, 3)


def test_only_the_first_few_numbers_of_a_process_are_its_own(monkeypatch) -> None:
    monkeypatch.setattr(draws, "drawn", [])
    assert isinstance(uniform_draws(0, 5), np.random.Generator)  # it is imported here
    monkeypatch.delitem(sys.modules, "numpy.random")
    kinds = [type(uniform_draws(seed, FEW // 2)).__name__ for seed in range(2)]
    assert kinds == ["Uniform", "Uniform"]
    assert type(uniform_draws(0, 1)).__name__ == "Generator"


FIRST = """
import sys
import fallline as fl
made = [fl.Network([3, 2, 1], loss="huber", init=init, seed=5) for init in sys.argv[1:]]
assert ("numpy.random" in sys.modules) == ("he_normal" in sys.argv)
print(b"".join(network.parameters.tobytes() for network in made).hex())
"""


@pytest.mark.parametrize("inits", [["he_uniform", "uniform"], ["glorot_uniform", "he_normal"]])
def test_a_fresh_process_makes_the_same_networks(inits: list[str]) -> None:
    command = [sys.executable, "-c", FIRST, *inits]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    made = [fl.Network([3, 2, 1], loss="huber", init=init, seed=5) for init in inits]
    assert printed.strip() == b"".join(net.parameters.tobytes() for net in made).hex()
