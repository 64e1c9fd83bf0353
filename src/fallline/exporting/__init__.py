"""A model leaves home: ``export`` writes a Python module or JSON, ``standalone`` is that module.

The folder is not called ``export``, which would hide the function :func:`fallline.export`.
"""
