"""Functions that show a computation number by number, and that check it.

``tracing`` names every number of one update, ``row_tracing`` those of one row's way through a
trained network, and ``gradcheck`` compares analytic gradients with numeric ones. Read tracing
first.

``explanation`` says why a trained model predicts what it does: what each column adds, by
``integrated_gradients``; ``importance``, ``dependence`` and ``interactions`` what it goes by in
general, and ``overview`` brings them together. ``subject`` is what a model and its rows are to all
of them, ``features`` where the columns lie; ``bars`` draws in text.
"""
