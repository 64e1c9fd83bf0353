"""Makes the shared library from ``engine.kernels``: ``python -m fallline.engine.build``.

Needs Numba, and gcc or another C compiler as a linker; nothing of it is imported at run time.
``emit`` turns an entry into object code, ``header`` writes the C header, ``__main__`` links.
"""
