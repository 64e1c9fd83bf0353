"""The callbacks of a fit, scikit-learn's and the core's, and the records of its weights."""

from typing import Any

from fallline.core.network import Network
from fallline.estimators.layers import cut
from fallline.training.settings import Progress

__all__ = ["Watchers"]


class Watchers:
    """Calls the callbacks when a fit begins, before and after each epoch, and when it ends.

    scikit-learn's callbacks (``set_callbacks``, scikit-learn 1.9) get one task per epoch and can
    ask for a fitted copy of the estimator; the core's (``callbacks=``) get a ``Progress``.
    """

    def __init__(self, model: Any, network: Network, X: Any, y: Any, weight: Any) -> None:
        self.model, self.network = model, network
        self.data = {"X": X, "y": y}
        self.data["metadata"] = {} if weight is None else {"sample_weight": weight}
        self.context: Any = None
        self.task: Any = None
        if hasattr(model, "_skl_callbacks"):
            self.context = model._init_callback_context(max_subtasks=model.max_iter)
            self.context.call_on_fit_task_begin(estimator=model, **self.data)

    def before_epoch(self) -> None:
        if self.context is not None:
            self.task = self.context.subcontext(task_name="epoch")
            self.task.call_on_fit_task_begin(estimator=self.model, **self.data)

    def after_epoch(self) -> bool:
        """Record the weights if ``keep_every`` says so, and call the callbacks; True to stop."""
        model, history = self.model, self.model.history_
        if model.keep_every is not None and len(history.epoch) % model.keep_every == 0:
            layers = cut(self.network.parameters.copy(), self.network.sizes)
            model.kept_weights_.append((history.epoch[-1], *layers))
        answers = [self.end_task()]
        epoch, seconds = history.epoch[-1], history.seconds
        for callback in model.callbacks or ():
            progress = Progress(self.network, epoch, model.max_iter, history, seconds)
            answers.append(callback(progress))
        if True not in answers:
            return False
        history.stopped, history.message = "callback", "a callback asked to stop"
        return True

    def end_task(self) -> bool:
        if self.task is None:
            return False
        task, self.task = self.task, None
        return bool(
            task.call_on_fit_task_end(
                estimator=self.model, **self.data, reconstruction_attributes=self.weights
            )
        )

    def weights(self) -> dict[str, Any]:
        """The attributes that make a copy of the estimator one that is fitted up to this epoch."""
        coefs, intercepts = cut(self.network.parameters.copy(), self.network.sizes)
        return {"coefs_": coefs, "intercepts_": intercepts}

    def end(self) -> None:
        if self.context is not None:
            self.end_task()
            self.context.call_on_fit_task_end(
                estimator=self.model, **self.data, reconstruction_attributes=self.weights
            )
