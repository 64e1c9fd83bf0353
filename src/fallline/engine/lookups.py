"""Rows that are kept compactly, as a compiled call takes them: see kernels.lookup."""

from typing import Any

from fallline.arrays import Array
from fallline.core.compact import CompactRows, FeatureMap, Rows
from fallline.core.network import Network
from fallline.core.samples import AnySamples, CompactSamples
from fallline.engine.layout import aligned, lanes

__all__ = ["fields_of", "inputs", "lookup_space", "map_of", "parameters_of_step", "served"]


def served(network: Network, rows: AnySamples) -> AnySamples:
    """The rows as the engine takes them: an array unless the first layer has whole vectors."""
    return rows if network.sizes[1] % lanes(network.dtype) == 0 else rows.dense


def inputs(rows: AnySamples) -> dict[str, Any]:
    """The fields of a record that say what the inputs of these rows are."""
    if not isinstance(rows, CompactSamples):
        return fields_of(rows.X) | {"lookups": None}
    return fields_of(rows.X) | map_of(rows.X.map)


def fields_of(rows: Rows) -> dict[str, Array]:
    """The arrays of rows."""
    if not isinstance(rows, CompactRows):
        return {"X": rows}
    return {"X": rows.numbers, "lookups": rows.rows, "fractions": rows.fractions}


def map_of(features: FeatureMap) -> dict[str, Any]:
    """The fields that say how rows are kept."""
    return {
        "n_lookups": len(features.lookups),
        "n_fractions": features.n_fractions,
        "columns": features.columns,
        "centers": features.centers,
        "n_table_rows": int(features.starts[-1]),
        "number_features": features.number_features,
        "n_numbers": len(features.numbers),
    }


def lookup_space(features: FeatureMap, n_out: int, block: int, dtype: Any) -> Array:
    """What a thread needs for blocks of this number of samples: see kernels.lookup."""
    k = len(features.numbers) + 1
    return aligned((2 * (int(features.starts[-1]) + k) + block) * n_out + block * k, dtype)


def parameters_of_step(network: Network, rows: AnySamples) -> int:
    """How many parameters a sample is multiplied with: of a table it takes two rows."""
    if not isinstance(rows, CompactSamples):
        return network.n_parameters
    features = rows.X.map
    taken = len(features.numbers) + len(features.lookups) + features.n_fractions
    return network.n_parameters - (features.n_features - taken) * network.sizes[1]
