"""From a table to a trained model, and statements about that model.

``recipes`` are the presets' settings, ``preparation`` splits and encodes the rows (``reach`` says
how far out a number counts), ``train`` trains on them, ``model`` is the result and predicts.
``survey`` draws samples of a table larger than memory, and ``large`` trains on it block by block.
``scoring``, ``evaluation``, ``baselines``, ``crossvalidation``, ``importance`` and ``advice`` judge
the result; ``predicting`` predicts whole files. Read preparation, train, model.
"""
