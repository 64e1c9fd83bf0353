"""The playground as one file: what is in it, that nothing gets out of its elements, and that it
works from disk with the network switched off.
"""

import gzip
import http.client
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y, truth_table_network
from fallline.playground import limits, write_page
from fallline.playground.serving import Playground
from fallline.playground.single_file import PAGE, link, page_text
from fallline.playground.starts import Start, start_from_arrays, start_from_table

from .browsing import epoch, figure, needs_browser, wait, wait_epoch, whole_run
from .conftest import PLAYING

MAX_BYTES = 700_000  # without the user's data


class Parts(HTMLParser):
    """The elements of a page, with the text of its scripts and of its style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.texts[-1] += data


def ids(text: str) -> list[str | None]:
    return [attributes.get("id") for tag, attributes in Parts(text).tags if tag == "script"]


# ---- what is in it


def test_the_page_is_one_small_text_that_loads_nothing() -> None:
    text = page_text()
    assert len(text.encode()) < MAX_BYTES
    tags = Parts(text).tags
    assert [tag for tag, attributes in tags if "src" in attributes or "style" in attributes] == []
    links = [a["href"] for _, a in tags if "href" in a]
    assert all(href and href.startswith(("data:", "#")) for href in links)
    (policy,) = [a["content"] for _, a in tags if a.get("http-equiv")]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[\w+/=]{44}' ){2}'wasm-unsafe-eval'", rules["script-src"])
    assert "unsafe-inline" not in policy
    assert "The MIT License (MIT)\n\nCopyright (c) 2015 Matthew Holt" in text  # Papa Parse


def test_modules_are_linked(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import * as b from "./b.js";\nb.say();\n')
    (tmp_path / "b.js").write_text(
        'import { x as y } from "./c.js";\nexport function say() { return y; }\n'
    )
    (tmp_path / "c.js").write_text("export const x = 1;\n")
    script = link(tmp_path / "a.js")
    assert script.index("c.js") < script.index("b.js") < script.index("a.js")
    assert "import" not in script
    assert "const { x: y } = module0;" in script
    assert "return { say };" in script


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('import "./b.js";\n', "does not know"),
        ("export default 1;\n", "does not know"),
        ('import { a } from "./a.js";\n', "in a circle: a.js imports a.js"),
        ('const text = "</script>";\n', "end its element"),
        ('const text = "<!-- ";\n', "end its element"),
    ],
)
def test_what_the_linker_refuses(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(text)
    (tmp_path / "b.js").write_text("\n")
    with pytest.raises(ValueError, match=re.escape(told)):
        link(tmp_path / "a.js")


HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "\u2028\u2029", "'\"`${alert(1)}\\",
    "<img src=x onerror=alert(1)>", "]]>", "\x7f\ufeff", "\U0001f600", "__proto__", "constructor",
]  # fmt: skip


def hostile_table(tmp_path: Path) -> Path:
    path = tmp_path / "</script><b>.csv".replace("/", "\u2215")
    names = [f"c{i} {text}" for i, text in enumerate(HOSTILE)]
    path.write_text(
        "\n".join(
            [",".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in [*names, "y"])]
            + [
                ",".join(
                    [
                        f'"{HOSTILE[(i + k) % 2].replace(chr(34), chr(34) * 2)}"'
                        if k % 2
                        else str(i * k % 7)
                        for k in range(len(HOSTILE))
                    ]
                    + [["no</script>", "yes<!--"][i % 2]]
                )
                for i in range(40)
            ]
        )
    )
    return path


def test_data_cannot_leave_their_element(tmp_path: Path) -> None:
    table = fl.read_table(hostile_table(tmp_path))
    text = page_text(start_from_table(table, "y"))
    usual = [
        "part-start",
        "part-worker",
        None,
        "part-parser",
        "part-engine",
        "part-iris",
        "part-digits",
    ]
    assert ids(text) == [*usual, "part-rows"]
    assert ids(page_text()) == usual
    start = json.loads(re.search(r'id="part-start">(.*?)</script>', text)[1])
    assert start["given"]["classes"] == ["no</script>", "yes<!--"]
    assert start["given"]["features"][0].startswith("c1 <!--<script>")


def test_the_file_is_written_whole(tmp_path: Path) -> None:
    net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy")
    path = tmp_path / "page.html"
    size = write_page(path, net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    assert path.stat().st_size == size
    with pytest.raises(fl.FileWriteError):
        write_page(tmp_path / "none" / "page.html")


@pytest.mark.parametrize(
    ("network", "told"),
    [
        (fl.Network([2, 1], loss="squared_error"), None),
        (fl.Network([2, 65, 1], loss="squared_error"), "layers of 64 neurons"),
        (fl.Network([2, 3, 2], loss="squared_error"), "one output"),
        (fl.Network([2, *[2] * 7, 1], loss="squared_error"), "6 hidden layers"),
    ],
    ids=str,
)
def test_a_network_that_the_page_cannot_take_is_refused(network: Any, told: str | None) -> None:
    X, y = np.zeros((3, 2)), np.zeros((3, network.sizes[-1]))
    if told is None:
        assert start_from_arrays(network, X, y).given is not None
        return
    with pytest.raises(fl.ParameterError, match=told):
        start_from_arrays(network, X, y)


def test_a_seed_that_the_page_has_not_becomes_one_that_it_has() -> None:
    network = fl.Network([2, 1], loss="squared_error", seed=2**40 + 7)
    start = start_from_arrays(network, np.zeros((3, 2)), np.zeros(3))
    assert start.setup["network"]["seed"] == 7


def test_functions_of_ones_own_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    fl.register_activation("bent", lambda Z: Z / (1 + abs(Z)), lambda Z, A: 1 / (1 + abs(Z)) ** 2)
    network = fl.Network([2, 3, 1], hidden="bent", loss="squared_error")
    with pytest.raises(fl.ParameterError, match=r"does not have 'bent'.*fl\.trace"):
        start_from_arrays(network, np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(fl.ParameterError, match="or none of them"):
        start_from_arrays(network, np.zeros((3, 2)), None)


# ---- served


@pytest.fixture
def served() -> Iterator[Playground]:
    made = Playground("<p>the page")
    made.start()
    yield made
    made.close()


def asked(served: Playground, method: str, path: str, host: str | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_one_page_is_served_and_nothing_else(served: Playground) -> None:
    answer, content = asked(served, "GET", "/?a=b")
    assert (answer.status, content) == (200, b"<p>the page")
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    assert "frame-ancestors 'none'" in answer.getheader("Content-Security-Policy")
    assert asked(served, "HEAD", "/")[1] == b""
    for path in ("/x", "/../etc/passwd", "/page/app.js"):
        assert asked(served, "GET", path)[0].status == 404
    assert asked(served, "POST", "/")[0].status == 501


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:"])
def test_another_sites_name_is_refused(served: Playground, host: str) -> None:
    answer, content = asked(served, "GET", "/", host)
    assert answer.status == 403
    assert b"Host" in content
    assert asked(served, "GET", "/", f"localhost:{served.port}")[0].status == 200


def test_a_port_that_is_taken_is_told(served: Playground) -> None:
    with pytest.raises(fl.FalllineError, match="choose another --port"):
        Playground("", port=served.port)


def test_the_limits_are_those_of_the_page() -> None:
    text = (PAGE / "compute" / "limits.js").read_text()
    found = re.findall(r"^export const (\w+) = ([\d_]+);", text, re.MULTILINE)
    theirs = {name: int(number) for name, number in found}
    assert {name: getattr(limits, name) for name in limits.__all__}.items() <= theirs.items()


# ---- the WebAssembly


def test_the_webassembly_is_that_of_the_kernels_as_they_are() -> None:
    """Else: python -m fallline.engine.build page."""
    from fallline.engine import library
    from fallline.engine.build import page as built

    code = gzip.decompress(built.PACKED.read_bytes())
    assert code[:4] == b"\0asm"
    assert code.count(library.sources().to_bytes(8, "little")) == 1
    assert built.RECORDS.read_text() == built.records()


@pytest.mark.long
def test_the_source_builds_the_same_webassembly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ziglang")
    from fallline.engine.build import __main__ as main
    from fallline.engine.build import page as built

    committed = gzip.decompress(built.PACKED.read_bytes())
    monkeypatch.setattr(built, "PACKED", tmp_path / "engine.wasm.gz")
    monkeypatch.setattr(built, "RECORDS", tmp_path / "records.js")
    main.build_page()
    assert gzip.decompress((tmp_path / "engine.wasm.gz").read_bytes()) == committed
    assert (tmp_path / "records.js").read_text() == (PAGE / "compute" / "records.js").read_text()


# ---- from disk, offline


@needs_browser
def test_a_whole_run_offline_is_that_of_python(page) -> None:
    whole_run(page)
    assert epoch(page) == 20_000
    network = truth_table_network()
    fl.train(network, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=20_000,
             engine="numpy")  # fmt: skip
    wait(page, "location.hash.includes('t=')")
    theta = page.evaluate(THETA)
    assert np.allclose(theta, network.parameters, rtol=0, atol=1e-9)


THETA = """() => {
    const coded = new URLSearchParams(location.hash.slice(1)).get("t");
    const text = atob(coded.replace(/-/g, "+").replace(/_/g, "/"));
    return Array.from(new Float64Array(Uint8Array.from(text, (c) => c.charCodeAt(0)).buffer));
}"""


@needs_browser
def test_the_page_works_where_it_is_served(browser) -> None:
    served = Playground(page_text())
    served.start()
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(served.url)
    page.wait_for_selector(".neuron canvas")
    page.evaluate(PLAYING)
    whole_run(page)
    assert figure(page, "test-score") == 100
    page.close()
    served.close()
    assert said == []


@needs_browser
def test_a_network_of_ones_own_is_on_its_page(opened) -> None:
    net = fl.Network([2, 3, 1], hidden="tanh", loss="binary_cross_entropy", seed=4)
    net.parameters = np.linspace(-1, 1, net.n_parameters)
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float), np.array([0, 1, 1, 0])
    page = opened(start_from_arrays(net, X, y))
    assert page.input_value("#data-kind") == "given"
    page.click("#step")
    wait_epoch(page, "=== 1")
    wait(page, "location.hash.includes('t=')")
    fl.train(net, X, y, optimizer=fl.GradientDescent(0.1), epochs=1)
    assert np.allclose(page.evaluate(THETA), net.parameters, rtol=1e-12)


@needs_browser
def test_a_table_that_python_encoded_is_on_its_page(opened, examples: Path) -> None:
    table = fl.read_table(examples / "housing.csv")
    page = opened(start_from_table(table, "median_house_value"))
    whole_run(page)
    assert figure(page, "test-score") > 0.6


@needs_browser
def test_hostile_data_are_text_on_the_page(opened, page_file: Path, tmp_path: Path) -> None:
    """A table, an address and a dropped file that would run script if they could."""
    source = hostile_table(tmp_path)
    made = opened(start_from_table(fl.read_table(source), "y"))
    whole_run(made)
    assert made.evaluate("document.querySelectorAll('img[src=x], b').length") == 0
    dropped = opened(page_file)
    dropped.evaluate(DROP, [source.read_text(), source.name])
    dropped.wait_for_selector("#target")
    assert dropped.input_value("#target") == "y"
    whole_run(dropped)
    assert dropped.evaluate("document.querySelectorAll('img[src=x], b').length") == 0


DROP = """([text, name]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([text], name));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
}"""


@needs_browser
def test_addresses_of_anyone_do_no_harm(page, page_file: Path, rng: np.random.Generator) -> None:
    wait(page, "location.hash !== ''")
    address = page.evaluate("location.href")
    head, _, state = address.partition("#")
    assert state
    for k in range(12):
        damaged = list(state)
        for at in rng.integers(2, len(damaged), 1 + k % 5):
            damaged[at] = chr(rng.integers(33, 127))
        page.goto(f"{head}#{''.join(damaged)}")
        page.reload()
        page.wait_for_selector(".neuron canvas")


@needs_browser
def test_60_000_rows_leave_the_page_responsive(opened, page_file: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 3)).round(3)
    kinds = np.where(X[:, 0] * X[:, 1] > 0, "in", "out")
    lines = [",".join([*map(str, row), kind]) for row, kind in zip(X.tolist(), kinds, strict=True)]
    page = opened(page_file)
    page.evaluate(DROP, ["a,b,c,kind\n" + "\n".join(lines), "many.csv"])
    page.wait_for_selector("#target")
    page.fill("#epochs-number", "100000")
    page.press("#epochs-number", "Enter")
    wait_epoch(page, "> 0")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("#theme")
    assert page.evaluate(background) != light
    before = epoch(page)
    wait_epoch(page, f"> {before}")  # the run goes on meanwhile
    page.click("#reset")
    wait_epoch(page, "=== 0")


def test_a_start_is_plain_data() -> None:
    assert json.loads(json.dumps(Start().as_dict()))["setup"] == {}
