"""The playground's page in Chromium, from disk: how soon it is there, how long a whole run takes,
how often it redraws while a slider is dragged.

A run's time is from the message to the page's worker until its answer, drawing excluded; each run
has another learning rate, as while a slider is dragged.
"""

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from fallline.playground import write_page

ROUNDS = 15
# Run before the page's script: notes when the network has been painted, and when the worker, which
# is started after that, has told the first frame.
FIRST = """
    window.Worker = class extends window.Worker {
        set onmessage(listener) {
            super.onmessage = (event) => {
                if (event.data.type === "frame") window.answered ||= performance.now();
                listener(event);
            };
        }
    };
    const look = setInterval(() => {
        const epoch = document.getElementById("figure-epoch");
        if (!epoch || !epoch.textContent) return;
        clearInterval(look);
        requestAnimationFrame(() => setTimeout(() => { window.firstFrame = performance.now(); }));
    }, 1);
"""
RUNS = """async ([setup, type, rounds]) => {
    const part = (name) => document.getElementById(`part-${name}`).textContent;
    const script = [part("parser"), part("worker")];
    const url = URL.createObjectURL(new Blob(script, { type: "text/javascript" }));
    const worker = new Worker(url);
    const answer = (isIt) => new Promise((resolve) => {
        worker.onmessage = ({ data }) => {
            if (data.type === "frame") worker.postMessage({ type: "shown" });
            if (isIt(data)) resolve();
        };
    });
    let done = answer((m) => m.type === "frame");
    const tables = { iris: part("iris"), digits: part("digits") };
    const start = JSON.parse(part("start"));
    worker.postMessage({ type: "begin", engine: part("engine"), start, tables });
    worker.postMessage({ type: "setup", setup });
    await done;
    const times = [];
    for (let k = 0; k < rounds; k++) {
        const rate = setup.training.learning_rate * (1 + k / 1e3);
        const training = { ...setup.training, learning_rate: rate };
        const began = performance.now();
        done = answer((m) => m.done);
        worker.postMessage({ type, setup: { ...setup, training }, id: 1 });
        await done;
        times.push(performance.now() - began);
    }
    worker.terminate();
    return times;
}"""

# Moves the slider of the learning rate once a refresh; counts the refreshes, and the runs drawn.
DRAG = """async (seconds) => {
    const range = document.getElementById("rate"), loss = document.getElementById("figure-train");
    let drawn = 0, refreshes = 0;
    const watch = new MutationObserver(() => { drawn += 1; });
    watch.observe(loss, { childList: true, characterData: true, subtree: true });
    const began = performance.now();
    while (performance.now() < began + 1000 * seconds) {
        refreshes += 1;
        range.value = 0.4 + 0.2 * Math.sin(refreshes / 20);
        range.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise((resolve) => { requestAnimationFrame(resolve); });
    }
    watch.disconnect();
    const passed = (performance.now() - began) / 1000;
    return [drawn / passed, refreshes / passed];
}"""


def setup(kind: str, hidden: list[int], activation: str, **training: Any) -> dict[str, Any]:
    """A setup of the page."""
    network = {"hidden": hidden, "activations": [activation] * len(hidden), "init": ""}
    return {"data": {"kind": kind, "noise": 0.0 if kind == "xor" else 0.1}, "network": network,
            "training": training}  # fmt: skip


ADAM = {"optimizer": "adam", "learning_rate": 0.03, "batch_size": 16, "epochs": 100}
SETUPS = {
    "truth table, 20,000 epochs": setup("truth_table", [2], "sigmoid", learning_rate=1.6),
    "XOR, 2,000 epochs": setup("xor", [4], "tanh", learning_rate=0.5, epochs=2_000),
    "circles, 100 epochs": setup("circles", [6], "tanh", **ADAM),
    "iris, 100 epochs": setup("iris", [6], "tanh", **ADAM),
    "digits, 30 epochs": setup("digits", [32], "relu", **ADAM | {"epochs": 30, "batch_size": 32}),
}


def main() -> None:
    """Measure, and print as Markdown."""
    print("\n## The playground's page, in Chromium\n")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Not measured: chromium is not installed.")
        return
    print("| what | median ms | best ms |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "playground.html"
        write_page(path)
        for name, times in measured(path, chromium):
            print(f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} |")
        drags = dragged(path, chromium)
    drawn, refreshes = (statistics.median(column) for column in zip(*drags, strict=True))
    print(
        f"\nWhile the learning rate of the truth table is dragged: {drawn:.0f} whole runs of 20,000"
        f" epochs trained and drawn a second, at {refreshes:.0f} refreshes of the window."
    )


def measured(path: Path, chromium: str) -> list[tuple[str, list[float]]]:
    """Each figure's name, and its times in milliseconds."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened, answered = [], []
        for _ in range(ROUNDS):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.add_init_script(FIRST)
            page.goto(path.as_uri())
            page.wait_for_function("() => window.firstFrame && window.answered")
            opened.append(page.evaluate("window.firstFrame"))
            answered.append(page.evaluate("window.answered"))
            page.close()
        found.append(("opening the file, until the network is shown", opened))
        found.append(("opening the file, until the worker computes", answered))
        page = browser.new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(".neuron canvas")
        for name, chosen in SETUPS.items():
            found.append((f"whole run: {name}", page.evaluate(RUNS, [chosen, "retrain", ROUNDS])))
        for name in list(SETUPS)[:4]:
            times = page.evaluate(RUNS, [SETUPS[name], "seeds", 5])
            found.append((f"100 seeds: {name} each", times))
        browser.close()
    return found


def dragged(path: Path, chromium: str) -> list[tuple[float, float]]:
    """Of each drag: the whole runs drawn a second, and the refreshes a second."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector(".neuron canvas")
        drags = [tuple(page.evaluate(DRAG, 2)) for _ in range(5)]
        browser.close()
    return drags


if __name__ == "__main__":
    main()
