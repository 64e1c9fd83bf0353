"""What workers answer before the work begins."""

from typing import Any

import pytest

from fallline import __version__
from fallline.distributed import client as module
from fallline.errors import ClusterError

GONE = ConnectionResetError("in <rpc to worker>")


class Client:
    """Answers as given, one time after another."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)

    def run(self, function: Any, on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)


def test_a_worker_that_died_just_now_refuses_nothing() -> None:
    module.check_versions(Client({"a": GONE, "b": __version__}))
    module.check_versions(Client({"a": GONE}, {"a": TimeoutError()}, {"b": __version__}))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, "no worker that answers"),
        ({"a": GONE}, "no worker that answers"),
        ({"a": None}, "worker a has no Fallline"),
        ({"a": __version__, "b": "0.0.1"}, r"worker b has Fallline 0\.0\.1"),
        ({"a": ModuleNotFoundError("fallline")}, r"cannot run Fallline \(fallline\); install"),
    ],
)
def test_who_cannot_take_part_is_named(answers: dict[str, Any], message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        module.check_versions(Client(answers))
