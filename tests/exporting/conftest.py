"""What the tests of several formats share."""

import shutil

import pytest

RUNNERS = {".c": "cc", ".mjs": "node"}


@pytest.fixture
def runners(request: pytest.FixtureRequest) -> None:
    """Skip, and say so, where the machine cannot run a format."""
    ending = request.node.callspec.params.get("ending") if hasattr(request.node, "callspec") else ""
    if ending in RUNNERS and shutil.which(RUNNERS[ending]) is None:
        pytest.skip(f"there is no {RUNNERS[ending]}")
