"""Backpropagation one sample, one neuron, one number at a time: slow, obvious, and independent."""

import math

SQRT_2 = math.sqrt(2.0)


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


FUNCTIONS = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else math.expm1(z), lambda z: 1.0 if z > 0 else math.exp(z)),
    "gelu": (
        lambda z: z * 0.5 * math.erfc(-z / SQRT_2),
        lambda z: 0.5 * math.erfc(-z / SQRT_2) + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z)),
    ),
    "softplus": (lambda z: math.log1p(math.exp(z)), sigmoid),
    "identity": (lambda z: z, lambda z: 1.0),
}


def output(loss, z):
    if loss == "binary_cross_entropy":
        return [sigmoid(x) for x in z]
    if loss == "cross_entropy":
        powers = [math.exp(x) for x in z]
        return [p / sum(powers) for p in powers]
    if loss == "poisson":
        return [math.exp(x) for x in z]
    return list(z)


def loss_of(loss, z, y):
    a = output(loss, z)
    terms = {
        "binary_cross_entropy": lambda a, y: -y * math.log(a) - (1 - y) * math.log(1 - a),
        "cross_entropy": lambda a, y: -y * math.log(a),
        "squared_error": lambda a, y: 0.5 * (a - y) ** 2,
        "absolute_error": lambda a, y: abs(a - y),
        "huber": lambda a, y: 0.5 * (a - y) ** 2 if abs(a - y) <= 1 else abs(a - y) - 0.5,
        "poisson": lambda a, y: a - y + (y * math.log(y / a) if y > 0 else 0.0),
    }
    return sum(terms[loss](p, q) for p, q in zip(a, y, strict=True))


def delta_of(loss, z, y):
    errors = [p - q for p, q in zip(output(loss, z), y, strict=True)]
    if loss == "absolute_error":
        return [math.copysign(1.0, e) for e in errors]
    if loss == "huber":
        return [max(-1.0, min(1.0, e)) for e in errors]
    return errors


def one_sample(network, x, y):
    """The loss of one sample and its flat gradient, as a list."""
    A, Z = [list(map(float, x))], []
    for layer in network.layers:
        W, b = layer.W.tolist(), layer.b.tolist()
        z = [b[j] + sum(A[-1][i] * W[i][j] for i in range(len(W))) for j in range(len(b))]
        Z.append(z)
        last = layer is network.layers[-1]
        A.append(
            output(network.loss.name, z) if last else [FUNCTIONS[layer.activation][0](v) for v in z]
        )
    delta = delta_of(network.loss.name, Z[-1], y)
    blocks = []
    for l in range(len(network.layers) - 1, -1, -1):
        dW = [[a * d for d in delta] for a in A[l]]
        blocks.append([v for row in dW for v in row] + list(delta))
        if l > 0:
            W = network.layers[l].W.tolist()
            slope = FUNCTIONS[network.layers[l - 1].activation][1]
            delta = [
                slope(Z[l - 1][i]) * sum(delta[j] * W[i][j] for j in range(len(delta)))
                for i in range(len(W))
            ]
    return loss_of(network.loss.name, Z[-1], y), [v for block in reversed(blocks) for v in block]
