"""The server: who is let in, what is refused, and that a refused message changes nothing."""

import http.client
import json
import socket
import time

import numpy as np
import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from fallline.playground import Playground, names_of
from fallline.playground.limits import MAX_MESSAGE_BYTES

from .conftest import Client


def request(
    playground: Playground,
    path: str = "/",
    method: str = "GET",
    body: bytes = b"",
    **changed: str | None,
) -> tuple[int, dict[str, str], bytes]:
    """A request with right headers, but for those that are changed (None: left out)."""
    host = f"127.0.0.1:{playground.port}"
    headers: dict[str, str | None] = {
        "host": host,
        "origin": f"http://{host}",
        "cookie": f"fallline-{playground.port}={playground.token}",
    }
    headers |= changed
    connection = http.client.HTTPConnection("127.0.0.1", playground.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for name, value in headers.items():
        if value is not None:
            connection.putheader(name, value)
    if body:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return result


def routes(playground: Playground) -> list[tuple[str, str]]:
    """Every route of the application with a path that it takes: (method, path)."""
    found = []
    for route in playground.server.routes:
        path = route.path.replace("{name}", "app.js").replace("{session}", "x")
        if isinstance(route, WebSocketRoute):
            found.append(("WEBSOCKET", path))
        else:
            assert isinstance(route, Route)
            found += [(method, path) for method in sorted(route.methods or ())]
    return found


STRANGERS = {
    "another host": {"host": "evil.example"},
    "rebound name": {"host": "evil.example:{port}"},
    "no host": {"host": ""},
    "another port": {"host": "127.0.0.1:1"},
    "another origin": {"origin": "http://evil.example"},
    "null origin": {"origin": "null"},
    "https origin": {"origin": "https://127.0.0.1:{port}"},
    "no token": {"cookie": None},
    "wrong token": {"cookie": "fallline-{port}=wrong"},
    "empty token": {"cookie": "fallline-{port}="},
}


def test_the_routes_are_those_that_the_tests_know(playground: Playground) -> None:
    assert {method for method, _ in routes(playground)} == {"GET", "HEAD", "POST", "WEBSOCKET"}
    assert len(playground.server.routes) == 4


@pytest.mark.parametrize("stranger", STRANGERS)
def test_every_route_refuses_strangers(playground: Playground, stranger: str) -> None:
    changed = {
        name: None if value is None else value.format(port=playground.port)
        for name, value in STRANGERS[stranger].items()
    }
    for method, path in routes(playground):
        if method == "WEBSOCKET":
            assert socket_status(playground, path, changed) == 403
        else:
            status, _, body = request(playground, path, method, b"a,b\n1,2\n", **changed)
            assert status == 403, (method, path)
            assert b"<html" not in body


def socket_status(playground: Playground, path: str, changed: dict[str, str | None]) -> int:
    status, _, _ = request(
        playground,
        path,
        **{
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **changed,
        },
    )
    return status


def test_what_changes_something_needs_an_origin(playground: Playground) -> None:
    assert socket_status(playground, "/socket", {}) == 101
    assert socket_status(playground, "/socket", {"origin": None}) == 403
    assert request(playground, "/upload/x", "POST", b"a\n1\n", origin=None)[0] == 403
    assert request(playground, "/", origin=None)[0] == 200
    with (
        pytest.raises(InvalidStatus),
        connect(f"ws://127.0.0.1:{playground.port}/socket"),
    ):
        pass


def test_the_token_in_the_address_opens_the_page_only(playground: Playground) -> None:
    query = f"?token={playground.token}"
    status, headers, body = request(playground, f"/{query}", cookie=None)
    assert status == 200
    assert b"<!doctype html>" in body
    cookie = headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert request(playground, f"/page/app.js{query}", cookie=None)[0] == 403
    assert request(playground, "/?token=wrong", cookie=None)[0] == 403


def test_every_answer_has_a_strict_policy(playground: Playground) -> None:
    for path in ("/", "/page/app.js", "/page/none.js", "/nowhere"):
        _, headers, _ = request(playground, path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/page/../server.py",
        "/page/..%2fserver.py",
        "/page/%2e%2e/server.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/app.js%00",
        "/page/",
    ],
)
def test_no_path_reaches_the_file_system(playground: Playground, path: str) -> None:
    status, _, body = request(playground, path)
    assert status == 404
    assert b"import" not in body
    assert b"root" not in body


def test_the_names_of_a_server() -> None:
    assert names_of("127.0.0.1") == ["127.0.0.1", "localhost"]
    assert names_of("::1")[0] == "::1"
    everywhere = names_of("0.0.0.0")
    assert "0.0.0.0" not in everywhere
    assert {"127.0.0.1", "localhost", socket.gethostname()} <= set(everywhere)


# ---- messages


def test_before_a_setup_nothing_can_be_asked(client: Client) -> None:
    for kind in ("play", "step", "back", "reset", "pause", "microscope", "check", "landscape"):
        message = {"type": kind, "epochs": 1, "kind": "batch", "method": "central"}
        assert "setup first" in client.refused(message)


def hostile(setup: dict) -> list:
    def with_(part: str, **values: object) -> dict:
        changed = {name: dict(values_) for name, values_ in setup.items()}
        changed[part] |= values
        return {"type": "setup", "setup": changed}

    return [
        "",
        "{",
        "[]",
        "null",
        "\x00",
        b"\xff\xfe\xfd",
        "[" * 100_000,
        '{"type": 3}',
        {"type": "nonsense"},
        {"type": "setup"},
        {"type": "setup", "setup": {}},
        {"type": "setup", "setup": {**setup, "more": 1}},
        {"type": "step", "kind": "giant"},
        {"type": "step", "kind": None},
        {"type": "play", "epochs": 0},
        {"type": "play", "epochs": True},
        {"type": "play", "epochs": 1e300},
        {"type": "play", "epochs": 5, "id": "x"},
        {"type": "set", "parameter": 11, "value": 0},
        {"type": "set", "parameter": -1, "value": 0},
        '{"type": "set", "parameter": 0, "value": NaN}',
        '{"type": "set", "parameter": 0, "value": Infinity}',
        '{"type": "set", "parameter": 0, "value": 1e999}',
        {"type": "set", "parameter": 0, "value": "1"},
        {"type": "look", "parameter": 99, "row": 0},
        {"type": "look", "parameter": 0, "row": 5},
        {"type": "back"},
        {"type": "restore", "parameters": [1.0], "epoch": 1, "step": 1},
        {"type": "microscope", "kind": "epoch"},
        {"type": "check", "method": "guess"},
        {"type": "export", "kind": "/etc/passwd"},
        with_("data", kind="../../etc/passwd"),
        with_("data", kind="table"),
        with_("data", kind="given"),
        with_("data", kind="drawn"),
        with_("data", kind="drawn", points=[[0, 0, 9], [1, 1, 0]]),
        with_("data", noise=-1),
        with_("data", n=10**9),
        with_("network", hidden=[64] * 7, activations=["tanh"] * 7),
        with_("network", hidden=[65]),
        with_("network", hidden=[2, 2]),
        with_("network", hidden=[64] * 6, activations=["tanh"] * 6),
        with_("network", activations=["evil"]),
        with_("network", seed=-1),
        with_("training", learning_rate=0),
        with_("training", learning_rate="fast"),
        with_("training", epochs=10**12),
        with_("training", loss="cross"),
        {"type": "retrain", "setup": {}},
        {"type": "seeds", "setup": None},
        {"type": "x", "padding": "y" * MAX_MESSAGE_BYTES},
    ]


def test_hostile_messages_get_an_error_and_change_nothing(client: Client) -> None:
    client.begin()
    client.send({"type": "step", "kind": "epoch"})
    client.frame()
    client.send({"type": "back"})
    before = client.frame()
    for message in hostile(client.setup):
        assert client.refused(message), message
    client.send({"type": "look", "parameter": None, "row": 0})
    after = client.frame()
    assert np.array_equal(before["theta"], after["theta"])
    assert (after["epoch"], after["playing"]) == (0, False)


def test_too_long_a_frame_ends_only_its_own_connection(playground: Playground) -> None:
    loud, quiet = Client(playground), Client(playground)
    loud.send("x" * (5 * 2**20))
    with pytest.raises(ConnectionClosed, match="1009"):
        loud.until("error")
    assert quiet.begin()["epoch"] == 0
    quiet.close()


# ---- uploads


def test_an_uploaded_table_is_learned_from(playground: Playground, client: Client) -> None:
    session = client.hello["session"]
    rows = "".join(f"{i % 7},{i % 5},{'yes' if i % 7 > 3 else 'no'}\n" for i in range(60))
    status, _, body = request(
        playground, f"/upload/{session}?name=own.csv", "POST", f"a,b,c\n{rows}".encode()
    )
    assert status == 200
    assert json.loads(body)["columns"] == ["a", "b", "c"]
    client.begin(
        data={"kind": "table"},
        network={"hidden": [4], "activations": ["tanh"], "init": ""},
        training={"optimizer": "adam", "learning_rate": 0.05, "epochs": 200},
    )
    assert client.problem["features"] == ["a", "b"]
    assert client.problem["classes"] == ["no", "yes"]
    client.send({"type": "retrain", "id": 2, "setup": client.setup})
    client.until("retrained")
    client.send({"type": "pause"})
    assert client.frame()["score"] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n1\n", "line 2"),
        (b"\x1f\x8b\x08\x00", "text file"),
        (b"PAR1....", "text file"),
        (b"a\n\xff\n", "not UTF-8"),
    ],
)
def test_a_bad_table_is_told(
    playground: Playground, client: Client, body: bytes, message: str
) -> None:
    path = f"/upload/{client.hello['session']}?name=bad.csv"
    status, _, answer = request(playground, path, "POST", body)
    assert status == 400
    assert message in json.loads(answer)["error"]


def test_a_table_too_large_is_refused_while_it_comes(
    playground: Playground, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fallline.playground.server.MAX_UPLOAD_BYTES", 1000)
    path = f"/upload/{client.hello['session']}"
    assert request(playground, path, "POST", b"a\n" * 5000)[0] == 413
    assert request(playground, "/upload/other", "POST", b"a\n1\n")[0] == 404


# ---- sessions


def test_sessions_are_apart_and_end_with_their_page(playground: Playground) -> None:
    first, second = Client(playground), Client(playground)
    first.begin()
    second.begin()
    first.send({"type": "play", "epochs": 100})
    while first.frame()["epoch"] < 300:
        pass
    second.send({"type": "look", "parameter": None, "row": 0})
    assert second.frame()["epoch"] == 0
    lives = playground.server.sessions
    live = lives[first.hello["session"]]
    assert live.playing
    first.close()
    deadline = time.monotonic() + 10
    while first.hello["session"] in lives and time.monotonic() < deadline:
        time.sleep(0.01)
    assert first.hello["session"] not in lives
    assert not live.playing
    second.close()


def test_frames_are_dropped_for_a_slow_page_but_no_epochs(client: Client) -> None:
    client.begin()
    client.send({"type": "play", "epochs": 10})
    frames = [client.until("frame") for _ in range(1)]  # never says that it has shown one
    time.sleep(0.5)
    client.send({"type": "shown"})
    client.send({"type": "shown"})
    client.send({"type": "shown"})
    frames.append(client.until("frame"))
    frames.append(client.until("frame"))
    assert frames[-1]["epoch"] > frames[0]["epoch"] + 20


def test_too_many_sessions_are_told(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fallline.playground.server.MAX_SESSIONS", 0)
    with pytest.raises(KeyError):  # no hello, but an error
        Client(playground)
