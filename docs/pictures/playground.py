"""Take the pages' pictures anew: python docs/pictures/playground.py (needs chromium)."""

import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import fallline as fl
from fallline.playground import write_page
from fallline.report import write_report

HERE = Path(__file__).parent


def main() -> None:
    """The playground after a whole run at 1440 by 900, its microscope, and a report's head."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        file = Path(folder) / "playground.html"
        write_page(file)
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(file.as_uri())
        page.wait_for_selector(".neuron canvas")
        page.click("#whole")
        page.wait_for_function(
            "() => document.getElementById('figure-epoch').textContent === '20,000'"
        )
        page.mouse.move(5, 5)
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(500)
        keep(page.screenshot(), "playground.webp")
        page.click("#reset")
        page.click("#stages button >> nth=6")  # backward, layer 1
        page.locator("""[data-cell='["delta",0,1,0]']""").click()
        page.wait_for_timeout(500)
        keep(page.locator("#panel-microscope").screenshot(), "microscope.webp")
        model = fl.train_table(
            HERE.parents[1] / "examples" / "housing.csv", "median_house_value", test=0.15
        )
        write_report(model, file.with_name("report.html"))
        page = browser.new_page(viewport={"width": 1000, "height": 900})
        page.goto(file.with_name("report.html").as_uri())
        keep(page.screenshot(), "report.webp")
        browser.close()


def keep(picture: bytes, name: str) -> None:
    """Write a picture beside this file."""
    Image.open(BytesIO(picture)).convert("RGB").save(HERE / name, quality=88, method=6)


if __name__ == "__main__":
    main()
