"""Rows that are kept compactly, for tests of the engine."""

import numpy as np

from fallline.core.compact import CompactRows, FeatureMap, Lookup


def made_rows(n_rows: int, rng: np.random.Generator, dtype: str = "float64") -> CompactRows:
    """Numbers, two columns in bins and two of categories, some of their values missing.

    The features of the columns lie between those of the numbers.
    """
    lookups = (
        Lookup(1, 5, tuple(rng.random(5))),
        Lookup(8, 1, (0.5,)),
        Lookup(9, 4, None),
        Lookup(13, 3, None),
    )
    features = FeatureMap(17, (0, 6, 7, 16), lookups)
    places = [rng.integers(0, lookup.count, n_rows) for lookup in lookups]
    fractions = rng.random((n_rows, 2))
    fractions[: n_rows // 4] = 1.0
    for i, lookup in enumerate(lookups):
        gone = rng.random(n_rows) < 0.2
        places[i][gone] = lookup.missing
        if i < 2:
            fractions[gone, i] = 0.0
    rows = np.stack(places, axis=1) + features.starts[:-1]
    return CompactRows(features, rng.normal(size=(n_rows, 4)), rows, fractions).astype(dtype)
