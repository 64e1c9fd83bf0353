"""Functions that show a computation number by number, and that check it.

``tracing`` names every number of one update, ``row_tracing`` those of one row's way through a
trained network, and ``gradcheck`` compares analytic gradients with numeric ones. Read tracing
first.
"""
