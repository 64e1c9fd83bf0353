"""The option --cluster: work on the workers of a Dask cluster."""

from typing import Any

from fallline.data.cells import Reading
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions

__all__ = ["client_at", "train_on_cluster"]


def client_at(address: str) -> Any:
    """A client of the cluster; Dask is imported only if a cluster is named."""
    from fallline.distributed.client import connect

    return connect(address)


def train_on_cluster(
    address: str, paths: list[str], target: str, how: Reading, options: TableOptions
) -> TableModel:
    """Train on files that the workers read themselves."""
    from fallline.distributed.tables import train_files

    with client_at(address) as client:
        return train_files(paths, target, client, how=how, **options)
