"""Figures of networks, losses and gradients, by matplotlib (the extra ``fallline[plots]``).

Every function draws into ``ax`` if one is given, else into a new figure, and returns the Axes.
Colours are Okabe and Ito's, which colour-blind readers can distinguish. Signs and classes also
differ in line style or marker, so a figure printed in grey can be read.
"""

from fallline.plots.animation import animate_descent
from fallline.plots.curves import loss_curves
from fallline.plots.decision import decision_surface
from fallline.plots.diagram import network_diagram
from fallline.plots.flow import gradient_flow
from fallline.plots.heat_map import gradient_heat_map
from fallline.plots.landscape import PathRecorder, loss_landscape
from fallline.plots.shapes import activation_shapes

__all__ = [
    "PathRecorder",
    "activation_shapes",
    "animate_descent",
    "decision_surface",
    "gradient_flow",
    "gradient_heat_map",
    "loss_curves",
    "loss_landscape",
    "network_diagram",
]
