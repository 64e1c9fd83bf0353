"""A model as a file in another language, with a proof that it predicts the same.

Every format is written from a ``description``, which ``describe`` makes of a model. A format is one
file: ``python_module`` (with ``standalone``), ``c_source`` (``c_parts``), ``javascript``
(``standalone.mjs``), ``sql``, ``onnx_graph``, ``plain_json``; ``formats`` lists them. ``export``
writes the file, ``proof`` runs it on ``rows`` generated for it. ``from_onnx`` is the inverse. The
folder is not called ``export``, which would hide :func:`fallline.export`.
"""
