"""The mathematics, in NumPy: read this first. The compiled engine is tested against it.

``activations``, ``losses``, ``penalties``, ``initializers`` and ``dropout`` are functions and their
derivatives side by side; ``schedules`` and ``optimizers`` the update; ``samples`` the checked rows;
``network`` the architecture, its flat parameter vector and the forward pass; ``backprop`` the
backward pass. ``metrics`` and ``splits`` measure and divide rows; ``custom`` adds functions of the
user's own. Read network, then backprop, then the rest as the names come up.
"""
