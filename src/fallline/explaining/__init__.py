"""What makes a computation visible and checks it.

``tracing`` names every number of one update, ``row_tracing`` those of one row's way through a
trained network, ``gradcheck`` holds analytic gradients against numeric ones, and ``lesson`` is the
truth table "first and last", with the slips of the published update. Read tracing first.
"""
