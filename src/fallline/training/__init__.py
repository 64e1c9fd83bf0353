"""The training loop, one for all kinds of rows.

``run`` is :func:`fallline.train` and the loop over epochs: validation, stopping, callbacks,
checkpoints. ``steps`` takes the epochs of rows in memory, by the reference or by the engine;
``position`` is everything that a run needs to continue, ``history`` what it recorded, ``stopping``
the rules that end it, ``gradients`` the gradient without a step. Read run, then steps.
"""
