"""Many networks at once: every combination of settings, every seed, every fold.

``settings`` makes the combinations, ``runs`` trains and scores them, ``log`` stores finished runs,
``result`` summarises them; ``search`` is :func:`fallline.sweep`, ``halving`` says how many settings
each rung of successive halving keeps, ``on_cluster`` spreads the runs over a Dask cluster. Read
search first. The folder is not called ``sweep``, which would hide that function.
"""
