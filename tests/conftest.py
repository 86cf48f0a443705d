# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
import gc
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from mmluss.apis.tools import tool_processes
from tests.helpers import quick_mmengine
from tests.helpers.small_world import write_saliency, write_split
from tests.helpers.tiny_models import write_tiny_checkpoint

# Processes that tests have forked import it, too.
tool_processes.PRELOADED.append(quick_mmengine.__name__)


def pytest_collection_finish() -> None:
    """Every data set of mmengine collects garbage; looking through all that is imported takes 0.2 s each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def scope_of_mmseg() -> None:
    """Names are looked up as in mmsegmentation's tools, whatever scope another test has left."""
    init_default_scope("mmseg")


@pytest.fixture(autouse=True)
def loud_again() -> Iterator[None]:
    """Commands make the logs of their process quiet, which is also the process of other tests."""
    yield
    for logger in (logging.getLogger("mmengine"), *MMLogger._instance_dict.values()):
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def photo_root(tmp_path_factory) -> Path:
    """18 training photos with saliency maps and 6 validation photos with masks, of three categories and five sizes."""
    root = tmp_path_factory.mktemp("photos")
    write_split(root, "train", images=6, seed=0)
    write_split(root, "validation", images=2, seed=1, masks=True)
    write_saliency(root, "train", root / "saliency")
    write_saliency(root, "validation", root / "validation-saliency")
    return root


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Callable[[str], Path]:
    """Gives the final checkpoint of a kind of model (``tests.helpers.tiny_models.MODEL_KINDS``), written once."""
    folder = tmp_path_factory.mktemp("tiny_checkpoints")

    def get(kind: str) -> Path:
        path = folder / f"{kind}.pth"
        return path if path.is_file() else write_tiny_checkpoint(path, kind)

    return get


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium without a window, driven by selenium; skips where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium drives it; requirements/dev.txt has it")
    chromium, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver_path):
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()
