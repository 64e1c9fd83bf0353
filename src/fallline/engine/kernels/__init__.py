"""What is compiled, a file for each file of ``fallline.core`` under the same name.

``vectors`` are the SIMD operations all others are written with; ``activations``, ``losses``,
``optimizers`` and ``dropout`` the formulas of core, ``exponential`` what they need of exp and its
relatives, ``matmul`` the products, ``backprop`` the forward and backward pass of a block of rows,
``driver`` the loop over epochs and batches, ``barrier`` where its threads wait for each other.
``interleaved`` trains many small networks, one in each SIMD lane, ``unrolled`` a tiny one in
registers; ``predict`` predicts rows, ``shuffle`` draws their orders, ``calls`` and ``ufuncs``
compile functions of the user's own. Read backprop beside its twin in core, then driver.
"""
