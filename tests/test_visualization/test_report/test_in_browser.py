# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""The page in a real browser: no error, and everything in sight on a phone and on a desktop."""

import pytest

from mmluss.visualization.report import write_report
from tests.helpers.report_facts import example_facts

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_galleries_are_visible(browser, tmp_path, width, scheme):
    page = write_report(example_facts(), tmp_path / "index.html")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", dict(features=[dict(name="prefers-color-scheme", value=scheme)])
    )
    browser.get(page.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    images = browser.find_elements("css selector", ".gallery img")
    assert len(images) == 14
    for image in images:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", image)
        browser.execute_async_script("arguments[0].decode().then(arguments[1])", image)
        assert image.is_displayed() and image.size["width"] >= 100
        assert browser.execute_script("return arguments[0].naturalWidth", image) > 0
    images[0].click()
    assert browser.find_element("id", "large").is_displayed()
    lightness = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (int(lightness.split("(")[1].split(",")[0]) > 128) == (scheme == "light")
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
