"""A model leaves home, as a file in another language that is proven to predict the same.

``description`` is what every format is written from, and ``describe`` makes it of a model. A format
is one file: ``python_module`` (with ``standalone``), ``c_source`` (``c_parts``), ``javascript``
(``standalone.mjs``), ``sql``, ``onnx_graph``, ``plain_json``; ``formats`` lists them. ``export`` is
the way through, ``proof`` runs what was written on ``rows`` made up for it. ``from_onnx`` is the
way back. The folder is not called ``export``, which would hide :func:`fallline.export`.
"""
