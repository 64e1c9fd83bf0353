"""Functions that show a computation number by number, and that check it.

``tracing`` names every number of one update, ``row_tracing`` every number of one row's forward pass
through a trained network, and ``gradcheck`` compares analytic gradients with numeric ones. Read
tracing first.

``explanation`` says why a trained model predicts what it does: what each column adds, by
``integrated_gradients``. ``importance``, ``dependence`` and ``interactions`` describe the model in
general, and ``overview`` combines them. ``subject`` is the common form of a model and its rows,
``features`` maps columns to features; ``bars`` draws in text.
"""
