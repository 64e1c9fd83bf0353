"""One network on rows that are spread over a Dask cluster: training and prediction.

>>> history = fl.distributed.train(net, X, y, client=client, epochs=20, batch_size=4096)
>>> shares = fl.distributed.predict(net, X)
"""

from fallline.distributed.predicting import predict, predict_proba
from fallline.distributed.training import train
from fallline.distributed.verification import verify

__all__ = ["predict", "predict_proba", "train", "verify"]
