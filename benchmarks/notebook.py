"""The published notebook's loop, for the benchmark alone.

Written anew from its description, in a notebook's manner: the samples are looped over, each one's
gradient is appended to a stack that starts from a slice of zeros, and the stack's mean is the
update (slip a); the output layer's gradient takes the activation's slope (slip b).
"""

import numpy as np


def sigmoid(z):
    """1 / (1 + e^-z)."""
    return 1 / (1 + np.exp(-z))


def sigmoid_derivative(a):
    """The slope, from the activation."""
    return a * (1 - a)


def cross_entropy(predicted, y):
    """Mean binary cross-entropy."""
    return -np.mean(y * np.log(predicted) + (1 - y) * np.log(1 - predicted))


def train(X, y, epochs, learning_rate, seed, every=1000):
    """Train the 3-2-1 network; the list of (epoch, loss)."""
    generator = np.random.default_rng(seed)
    weights_1 = generator.uniform(-0.5, 0.5, (3, 2))
    weights_2 = generator.uniform(-0.5, 0.5, (2, 1))
    bias_1 = np.zeros((1, 2))
    bias_2 = np.zeros((1, 1))
    losses = []
    for epoch in range(epochs):
        hidden = sigmoid(np.dot(X, weights_1) + bias_1)
        output = sigmoid(np.dot(hidden, weights_2) + bias_2)
        if epoch % every == 0:
            losses.append((epoch, cross_entropy(output, y)))
        error_2 = output - y
        slope_1 = sigmoid_derivative(hidden)
        error_1 = np.dot(error_2, weights_2.T) * slope_1
        stack_1 = np.zeros((1, 3, 2))
        stack_2 = np.zeros((1, 2, 1))
        for i in range(len(X)):
            gradient_1 = np.dot(X[i : i + 1].T, error_1[i : i + 1])
            gradient_2 = np.dot(slope_1[i : i + 1].T, error_2[i : i + 1])
            stack_1 = np.append(stack_1, [gradient_1], axis=0)
            stack_2 = np.append(stack_2, [gradient_2], axis=0)
        weights_1 = weights_1 - learning_rate * np.mean(stack_1, axis=0)
        weights_2 = weights_2 - learning_rate * np.mean(stack_2, axis=0)
        bias_1 = bias_1 - learning_rate * np.mean(error_1, axis=0, keepdims=True)
        bias_2 = bias_2 - learning_rate * np.mean(error_2, axis=0, keepdims=True)
    return losses
