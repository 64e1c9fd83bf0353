"""From files to arrays and back.

``sources`` finds and opens files, ``records`` cuts text into records, ``text_reading`` and
``reading`` make a ``table`` of them, with the ``cells`` of each column; ``writing`` writes one.
``dates``, ``targets`` and ``columns`` recognise what a column holds; ``encoding`` turns the columns
into the network's inputs. Read table, reading, encoding.
"""

from fallline.memory import FOR_TABLES, check_address_space

check_address_space(FOR_TABLES, "reading a table")
