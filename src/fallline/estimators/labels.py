"""The classes of a classifier, as scikit-learn keeps them."""

from typing import Any

__all__ = ["binarizer_of"]


def binarizer_of(labels: Any) -> Any:
    """A LabelBinarizer that is fitted to labels, or to rows of several labels."""
    from sklearn.preprocessing import LabelBinarizer  # its base classes do not import it

    return LabelBinarizer().fit(labels)
