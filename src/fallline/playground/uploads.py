"""A table that the page uploads, as bytes: it never touches the file system."""

import io

from fallline.data.cells import Reading
from fallline.data.sources import Source, is_packed, kind_of
from fallline.data.table import Table
from fallline.data.text_reading import text_tables
from fallline.errors import TableError

__all__ = ["read_upload"]


def read_upload(name: str, data: bytes) -> Table:
    """CSV, TSV or JSON lines to a table. Raises TableError, naming the line, where it is none."""
    kind = kind_of(data[:64])
    if kind not in ("text", "json") or is_packed(data):
        raise TableError(f"{name}: drop a text file: CSV, TSV or JSON lines, not packed")
    source = Source(name, kind, io.BytesIO(data), seekable=False)
    return next(text_tables(source, Reading(), None))
