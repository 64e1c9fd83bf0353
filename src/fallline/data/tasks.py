"""The tasks that a table's target may set, apart from what reads tables, which loads Polars."""

__all__ = ["QUANTITIES", "TASKS"]

TASKS = ("binary", "classes", "numbers", "counts")
QUANTITIES = ("numbers", "counts")  # the tasks whose targets are numbers and not classes
