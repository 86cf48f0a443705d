# Copyright (c) mmluss contributors. Licensed under Apache-2.0.
"""What documents name exists: files, configs, options of tools, and names in the table of the paper's steps."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import mmseg.registry
import pytest
from mmengine.registry import Registry

from mmluss.datasets.synthetic.scenes import render_scene

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("configs/*/README.md")], key=lambda path: path.as_posix()
)
# A changelog names what is gone.
CURRENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
FOLDERS = ("benchmarks", "configs", "docs", "mmluss", "requirements", "tests", "tools")


def name(path):
    return path.relative_to(ROOT).as_posix()


def fenced(text, *languages):
    return [code for language, code in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if language in languages]


def commands(text):
    """Command lines of all fenced shell blocks, comments left out, continued lines joined."""
    for block in fenced(text, "", "bash", "sh", "shell", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


@cache
def options_of(tool):
    """Every option that the sources of a tool know: its own, or mmsegmentation's for train.py and test.py."""
    if tool in ("tools/train.py", "tools/test.py"):
        import mmseg

        path = Path(mmseg.__file__).parent / ".mim" / tool
    else:
        path = ROOT / tool
    strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {string for string in strings if isinstance(string, str) and string.startswith("-")} | {"--help"}


@cache
def help_of(tool):
    """What a tool says of itself; asked only for options that its source does not spell out."""
    command = [sys.executable, "-W", "ignore", ROOT / tool, "--help"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def knows(tool, option):
    return option in options_of(tool) or re.search(rf"{re.escape(option)}\b", help_of(tool)) is not None


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_named_files_exist(path):
    text = re.sub(r"<!--.*?-->", "", path.read_text(), flags=re.S)
    # mmluss/.mim is made by an installation.
    named = set(re.findall(rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/(?!\.mim)[\w./*-]*[\w/*])", text))
    missing = [file for file in sorted(named) if not list(ROOT.glob(file)) and not list(path.parent.glob(file))]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    local = [link for link in links if not re.match(r"https?:|mailto:", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_commands_use_options_that_exist(path):
    unknown = []
    scripts = {"tools/dist_train.sh": "tools/train.py", "tools/dist_test.sh": "tools/test.py"}
    scripts |= {"tools/quickstart.sh": "tools/run_pipeline.py"}
    for words in commands(path.read_text()):
        for place, word in enumerate(words):
            tool = scripts.get(word, word)
            if tool.startswith("tools/") and tool.endswith(".py"):
                # What stands before a tool belongs to what starts it, such as torchrun and srun.
                given = [after for after in words[place:] if after.strip("[").startswith("--")]
                given = [option.partition("=")[0].strip("[]") for option in given]
                unknown += [f"{tool} {option}" for option in given if not knows(tool, option)]
        if words[0] == "mmluss":
            known = options_of("mmluss/cli/main.py")
            unknown += [word for word in words[1:] if word.startswith("--") and word.partition("=")[0] not in known]
    assert unknown == []


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_named_configs_exist(path):
    configs = {config.name for config in ROOT.glob("configs/*/*.py")}
    stems = {config.removesuffix(".py") for config in configs}
    named = re.findall(r"\b((?:pass-|pass_|knn_|fcn_)[\w.-]+?_[\w.-]*?\.py)\b", path.read_text())
    modules = {module.name for module in (ROOT / "mmluss").rglob("*.py")}
    assert [config for config in named if config not in configs | modules and config[:-3] not in stems] == []


@pytest.mark.parametrize("path", CURRENT, ids=name)
def test_python_blocks_are_python(path):
    for code in fenced(path.read_text(), "python"):
        ast.parse(code)


def rows_of_the_table():
    pattern = r"^\| ([^|]+) \| `(mmluss/[\w/]+\.py)` \| `(\w+)` \|$"
    return re.findall(pattern, (ROOT / "CONTRIBUTING.md").read_text(), re.M)


def test_the_table_of_the_paper_is_long():
    assert len(rows_of_the_table()) > 20


@pytest.mark.parametrize(("step", "file", "defined"), rows_of_the_table())
def test_the_table_of_the_paper_names_where_things_are(step, file, defined):
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    assert getattr(module, defined).__module__ == module.__name__


def test_every_page_of_the_site_is_in_its_navigation():
    pages = re.findall(r": ([\w]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert sorted(pages) == sorted(path.name for path in ROOT.glob("docs/*.md"))


@pytest.mark.slow
def test_the_reference_has_all_that_configs_can_name():
    registries = [value for value in vars(mmseg.registry).values() if isinstance(value, Registry)]
    ours = {
        f"{part.__module__}.{part.__qualname__}"
        for registry in registries
        for part in registry.module_dict.values()
        if part.__module__.startswith("mmluss.")
    }
    page = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^::: (\S+)$", page, re.M)) | {"mmluss.MultiCropDataPreProcessor"}
    assert len(ours) > 30
    missing = {name for name in ours if name not in shown and f"mmluss.{name.rpartition('.')[2]}" not in shown}
    assert not missing


def test_pictures_of_the_method_are_drawn_anew(tmp_path):
    command = [sys.executable, "-W", "ignore", ROOT / "tools/misc/draw_method_pictures.py", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    shown = set(re.findall(r"images/method/([\w.]+)", (ROOT / "docs/method.md").read_text()))
    assert {path.name for path in tmp_path.iterdir()} == shown


@pytest.mark.parametrize("document", ["README.md", "docs/index.md"])
def test_the_lines_that_segment_a_photo_run(document, tmp_path, monkeypatch, capsys):
    import cv2
    import torch
    from mmengine.config import Config
    from mmseg.apis import init_model

    [code] = [code for code in fenced((ROOT / document).read_text(), "python") if "init_model" in code]
    monkeypatch.chdir(tmp_path)
    folder = Path(re.search(r'"(work_dirs/[^"]+)"', code)[1])
    folder.mkdir(parents=True)
    config = ROOT / "configs/pass/pass-finetune_efficientnet-lite0_1xb32-1e_mini-imagenets.py"
    cfg = Config.fromfile(config)
    cfg.model.backbone.init_cfg = None
    cfg.dump(folder / "config.py")
    model = init_model(cfg, device="cpu")
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(classes=["other"]))), folder / "epoch_1.pth"
    )
    cv2.imwrite("photo.jpg", render_scene(3, __import__("numpy").random.default_rng(0))[0])
    exec(compile(code, document, "exec"), {})
    printed = [line.split() for line in capsys.readouterr().out.splitlines() if re.fullmatch(r"\d+ [\d.e-]+", line)]
    assert sum(float(share) for _, share in printed) == pytest.approx(1, abs=1e-4)
