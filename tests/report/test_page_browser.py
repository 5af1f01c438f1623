"""The report page in headless Chromium, opened from the disk as a reader does."""

import json
import shutil
import time

import paging
import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (the extra dev)")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver"),
]


@pytest.fixture(scope="module")
def page(root, tmp_path_factory):
    return paging.make_page(root, tmp_path_factory.mktemp("browser") / "results")


def open_chromium(folder, width: int, height: int):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        *["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"],
        *[f"--window-size={width},{height}", f"--user-data-dir={folder}"],
    ):
        options.add_argument(argument)
    if width < 500:
        metrics = {"width": width, "height": height, "pixelRatio": 1.0}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def complaints(driver) -> list[str]:
    """Errors on the console, and requests for anything but files and data in the page."""
    said = [entry["message"] for entry in driver.get_log("browser") if entry["level"] != "INFO"]
    for entry in driver.get_log("performance"):
        event = json.loads(entry["message"])["message"]
        if event["method"] == "Network.requestWillBeSent":
            url, page = event["params"]["request"]["url"], event["params"]["documentURL"]
            # Chromium's own pages, such as that of a new tab, request what they like.
            if page.startswith("file:") and not url.startswith(("file:", "data:", "blob:")):
                said.append(f"request: {url}")
    return said


@pytest.fixture(scope="module", params=[(1440, 1000), (390, 844)], ids=["desktop", "phone"])
def window(request, tmp_path_factory):
    driver = open_chromium(tmp_path_factory.mktemp("profile"), *request.param)
    yield driver
    driver.quit()


@pytest.fixture
def browser(window, page):
    """The page, newly opened; in the end nothing may have complained."""
    window.get("about:blank")
    window.get(page.index.as_uri())
    yield Browser(window, page)
    assert complaints(window) == []


class Browser:
    """Short names for what a reader does."""

    def __init__(self, driver, page) -> None:
        self.driver, self.page = driver, page

    def all(self, selector: str):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.one(selector))
        self.one(selector).click()

    def until(self, condition):
        return WebDriverWait(self.driver, 20, 0.1).until(lambda _: condition())

    def script(self, text: str):
        return self.driver.execute_script(f"return {text}")

    def go(self, view: str) -> None:
        self.click(f"#views a[href='#{view}']")
        self.until(lambda: self.one(f"#{view}").is_displayed())

    def set(self, selector: str, value) -> None:
        """Move a slider, which tells the page as by hand."""
        event = "new Event('input', {bubbles: true})"
        script = f"arguments[0].value = arguments[1]; arguments[0].dispatchEvent({event})"
        self.driver.execute_script(script, self.one(selector), value)

    def pixel(self, selector: str, x: float, y: float) -> list[int]:
        """Colour on the screen at a place of an element, both sides in 0..1."""
        import base64

        import cv2
        import numpy as np

        element = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        shot = np.frombuffer(base64.b64decode(element.screenshot_as_base64), np.uint8)
        image = cv2.cvtColor(cv2.imdecode(shot, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        height, width = image.shape[:2]
        return image[int(y * height), int(x * width)].astype(int).tolist()


def methods(browser) -> list[str]:
    return [cell.text for cell in browser.all("#main-table tbody th")]


def test_table_4_sorts_filters_and_tests_two_rows(browser):
    browser.until(lambda: len(methods(browser)) == 5)
    assert methods(browser)[0] == "Bicubic"
    browser.click(".dt-scroll-head th[data-dt-column='1'] .dt-column-order")
    assert methods(browser)[0] == "Bicubic"  # ascending: the fewest
    browser.click(".dt-scroll-head th[data-dt-column='1'] .dt-column-order")
    browser.until(lambda: methods(browser)[0] == "HR")
    columns = len(browser.all("#main-table tbody tr:first-child td"))
    browser.click("#filters input[value='temporal']")
    assert len(browser.all("#main-table tbody tr:first-child td")) == columns - 1
    browser.one("#table4 input[type='search']").send_keys("tosr")
    browser.until(lambda: sorted(methods(browser)) == ["SoSR+ToSR", "ToSR"])
    browser.one("#table4 input[type='search']").clear()
    browser.one("#table4 input[type='search']").send_keys(" " + Keys.BACKSPACE)
    browser.until(lambda: len(methods(browser)) == 5)
    for row in ("sosr", "tosr"):
        browser.click(f"#main-table tr[data-row='{row}'] .pick")
    assert browser.one("#pair-title").text == "SoSR against ToSR"
    browser.click("#pair-table button[data-column='0']")
    assert "Only SoSR: 1 clips" in browser.one("#pair-clips").text
    assert "drift/clip #1" in browser.one("#pair-clips").text
    browser.click("#pair-clips a")
    browser.until(lambda: browser.one("#look").is_displayed())
    browser.until(lambda: browser.one("#clip-title").text == "drift/clip #1")
    assert Select(browser.one("#row-a")).first_selected_option.text == "SoSR"
    assert Select(browser.one("#row-b")).first_selected_option.text == "ToSR"


def near(colour: list[int], source: str) -> bool:
    return max(abs(a - int(b)) for a, b in zip(colour, paging.picture(source, 0)[0, 0], strict=True)) < 12


def test_a_clip_plays_steps_zooms_and_shows_both_rows(browser):
    browser.go("look")
    ready = "document.querySelector('#video').readyState >= 2 && document.querySelector('#video').videoWidth"
    browser.until(lambda: browser.script(ready))
    Select(browser.one("#row-a")).select_by_visible_text("SoSR")
    Select(browser.one("#row-b")).select_by_visible_text("HR")
    stage = ".stage[data-kind='frames'] .layers"
    browser.set("#split", 90)
    browser.until(lambda: near(browser.pixel(stage, 0.8, 0.1), "sosr"))
    browser.set("#split", 10)
    browser.until(lambda: near(browser.pixel(stage, 0.8, 0.1), "hr"))
    # Dragged by hand, from where it is.
    box = browser.one(stage)
    chain = webdriver.ActionChains(browser.driver)
    start = int(-0.4 * box.size["width"])
    chain.move_to_element_with_offset(box, start, 0).click_and_hold()
    chain.move_to_element_with_offset(box, int(0.4 * box.size["width"]), 0).release().perform()
    assert int(browser.one("#split").get_attribute("value")) > 80
    browser.click("#forward")
    browser.until(lambda: browser.one("#frame-text").text.startswith("4 of 6"))
    browser.click("#back")
    browser.until(lambda: browser.one("#frame-text").text.startswith("3 of 6"))
    assert "lossless" in browser.one("#media-note").text
    browser.click("#play")
    seen = set()
    end = time.monotonic() + 20
    while len(seen) < 4 and time.monotonic() < end:
        seen.add(browser.one("#frame-text").text)
    assert len(seen) >= 4
    browser.click("#play")
    browser.until(lambda: browser.one("#play").text == "Play")
    browser.set("#zoom", 4)
    assert browser.one("#zoom-text").text == "×4"
    browser.set("#pixel-row", 20)
    browser.until(lambda: browser.script("document.querySelector('#profiles').dataset.line") == "20")
    assert len(browser.all("#profiles canvas")) == 3
    labels = [row.text for row in browser.all("#strip figcaption")]
    assert labels == ["HR", "LR", "A SoSR", "B HR"]
    assert len(browser.all("#verdicts .verdict")) == 5
    assert len(browser.all("#verdicts .verdict.a meter")) == 3  # three classes


def test_by_keyboard_alone(browser):
    """Tab reaches the skip link, views, boxes and the viewer; the viewer's keys step and zoom."""
    press = lambda *keys: webdriver.ActionChains(browser.driver).send_keys(*keys).perform()  # noqa: E731
    press(Keys.TAB)
    assert browser.script("document.activeElement.className") == "skip"
    for _ in range(60):
        press(Keys.TAB)
        if browser.script("document.activeElement.matches('.pick')"):
            break
    press(Keys.SPACE)
    assert browser.script("document.activeElement.checked")
    browser.script("document.querySelector(\"#views a[href='#look']\").focus()")
    press(Keys.ENTER)
    browser.until(lambda: browser.one("#look").is_displayed())
    browser.until(lambda: browser.script("document.querySelector('#video').readyState >= 2"))
    browser.script("document.querySelector('#viewer').focus()")
    press(Keys.ARROW_RIGHT)
    browser.until(lambda: browser.one("#frame-text").text.startswith("4 of 6"))
    press("+")
    assert browser.one("#zoom-text").text == "×2"
    first = browser.one("#clip-title").text
    press(Keys.PAGE_DOWN)
    assert browser.one("#clip-title").text != first


def test_themes_and_the_other_views(browser):
    colour = lambda: browser.script("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    found = {}
    for _ in range(3):
        browser.click("#theme")
        found[browser.one("#theme").text] = colour()
    assert found["Theme: dark"] != found["Theme: light"]
    for view in ("tables", "training", "provenance"):
        browser.go(view)
        assert browser.one("#caption").is_displayed()
        assert paging.CAPTION in browser.one("#caption").text
    browser.go("tables")
    assert "<b>HR</b>" in browser.one("#table-host").text
    browser.go("training")
    browser.until(lambda: browser.all("#curve-chart .scatterlayer .trace"))


@pytest.mark.parametrize("view", ["table4", "look", "tables", "training", "provenance"])
def test_no_view_is_wider_than_the_window(browser, view):
    browser.driver.get(f"{browser.page.index.as_uri()}#{view}")
    browser.until(lambda: browser.one(f"#{view}").is_displayed())
    assert browser.script("document.documentElement.scrollWidth") <= browser.script("innerWidth")
