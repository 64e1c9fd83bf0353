"""The option --cluster: work on the workers of a Dask cluster."""

from typing import Any

from fallline.data.cells import Reading
from fallline.errors import ParameterError
from fallline.tabular.model import TableModel
from fallline.tabular.options import TableOptions
from fallline.tabular.verification import Verification

__all__ = ["client_at", "train_on_cluster", "verify_on_cluster"]


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


def verify_on_cluster(
    address: str, model: TableModel, paths: list[str], threads: int | None, given: dict[str, Any]
) -> Verification:
    """Train again on files that the workers read; ``given`` are the other options of ``verify``."""
    from fallline.distributed.verification import check_place, verify

    check_place(model)
    if threads is not None:
        raise ParameterError("--threads are those of this process: leave it out with --cluster")
    if given.pop("soft", None) is not None:
        raise ParameterError("no model of a cluster has soft labels: leave --soft out")
    with client_at(address) as client:
        return verify(model, paths, client=client, **given)
