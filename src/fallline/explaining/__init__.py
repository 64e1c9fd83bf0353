"""What makes a computation visible and checks it.

``tracing`` names every number of one update, ``row_tracing`` those of one row's way through a
trained network, and ``gradcheck`` holds analytic gradients against numeric ones. Read tracing
first.
"""
