"""The data that the tests of the estimators share."""

import numpy as np
from sklearn.datasets import load_digits, load_iris, make_classification, make_regression
from sklearn.preprocessing import scale

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_DIGITS, Y_DIGITS = load_digits(n_class=3, return_X_y=True)
X_DIGITS, Y_DIGITS = X_DIGITS[:200] / 16.0, Y_DIGITS[:200]
TWO = Y_DIGITS < 2
X_TWO, Y_TWO = X_DIGITS[TWO], Y_DIGITS[TWO]

X_CLASSES, Y_CLASSES = make_classification(
    200, 8, n_informative=5, n_classes=3, random_state=1, shuffle=True
)
Y_BINARY = (Y_CLASSES > 0).astype(int)
Y_LABELS = np.c_[Y_CLASSES == 1, X_CLASSES[:, 0] > 0, X_CLASSES[:, 1] > 0].astype(int)
X_NUMBERS, Y_NUMBERS = make_regression(200, 8, noise=5.0, random_state=2)
Y_NUMBERS = scale(Y_NUMBERS)
Y_TWO_NUMBERS = np.c_[Y_NUMBERS, X_NUMBERS[:, 0] - X_NUMBERS[:, 1]]
Y_COUNTS = np.random.default_rng(0).poisson(np.exp(X_NUMBERS[:, 0] / 2))
WEIGHT = np.random.default_rng(1).uniform(0.1, 3.0, 200)
