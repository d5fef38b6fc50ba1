"""README and code name the same models, tabs, options, commands and files."""

import re
from pathlib import Path

import pytest

import app
from genart.__main__ import _parser
from genart.catalogue import ENTRIES, SHIPPED, hub_entries
from genart.finish.upscale import WEIGHTS
from genart.ui import TABS
from genart.ui.words import WORDS, in_both, models

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_table_of_models_is_the_catalogue():
    named = re.findall(r"^\| `([\w-]+)` \|", section("Models it ships with"), re.M)

    assert named == list(ENTRIES)


def test_every_card_linked_from_the_readme_exists_and_names_licence_and_recipe():
    cards = re.findall(r"\]\((weights/[\w-]+\.md)\)", section("Models it ships with"))

    assert len(cards) == len(ENTRIES)
    for card in cards:
        text = (ROOT / card).read_text(encoding="utf-8").lower()
        assert "licence" in text
        assert "python -m genart.learn" in text


def test_the_options_of_the_readme_are_the_options_of_the_app():
    named = set(re.findall(r"--[a-z]+", section("Modes and options")))
    known = {option for option in re.findall(r"--[a-z]+", app.parser().format_help()) if option != "--help"}

    assert named == known


def test_the_tabs_of_the_readme_are_the_tabs_of_the_page():
    line = re.search(r"The page has these tabs: (.*)", README).group(1)

    assert re.findall(r"`(\w+)` \(", line) == list(TABS)


def test_the_commands_of_the_readme_are_the_commands_there_are():
    named = set(re.findall(r"^python -m genart (\w+)", README, re.M))
    known = set(next(iter(_parser()._subparsers._group_actions)).choices)

    assert named == known


@pytest.mark.parametrize("path", re.findall(r"^([\w./]+?)/?  +\S", section("Where things are"), re.M))
def test_every_path_of_the_file_tree_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_and_picture_of_the_readme_exists(link):
    assert (ROOT / link).exists()


def test_every_module_stands_in_the_file_tree():
    tree = section("Where things are")
    folders = {path for path in re.findall(r"^([\w./]+)/ ", tree, re.M)}

    for module in sorted((ROOT / "genart").rglob("*.py")):
        path = module.relative_to(ROOT).as_posix()
        covered = path in tree or module.name == "__init__.py" or any(path.startswith(f"{folder}/") for folder in folders)
        assert covered, path


def test_every_shipped_weights_file_is_in_the_catalogue_and_small():
    shipped = {path.name for path in SHIPPED.glob("*.safetensors")}
    beside = {path.name for entry in ENTRIES.values() for path in (entry.directions, entry.positions)}

    assert shipped - beside == {entry.file for entry in ENTRIES.values()} | {WEIGHTS.name}
    assert all(path.stat().st_size <= 8e6 for path in SHIPPED.glob("*.safetensors"))


def test_every_model_and_tab_has_its_title_in_both_languages():
    for key in [f"model.{name}" for name in ENTRIES] + [f"tab.{name}" for name in TABS]:
        assert all(WORDS[key])


@pytest.mark.parametrize("entry", [*ENTRIES.values(), *hub_entries().values()], ids=lambda entry: entry.name)
def test_what_a_model_was_trained_on_and_what_to_mind_is_said_in_both_languages(entry):
    for text in filter(None, (entry.credit, entry.caution)):
        english, chinese = in_both(text)

        assert english == text
        assert chinese.count("；") == text.count("; ")
        assert all(re.search(r"[\u4e00-\u9fff]", part) for part in chinese.split("；")), chinese
        assert not entry.source or text == entry.caution or entry.source.repo in chinese


def test_no_translated_text_of_the_catalogue_is_left_over():
    entries = [*ENTRIES.values(), *hub_entries().values()]
    said = {part for entry in entries for part in entry.credit.split("; ")} | {entry.caution for entry in entries}

    assert said >= set(models.SAID)


def test_every_class_of_the_shipped_models_is_a_sign_or_has_its_words():
    names = {name for entry in ENTRIES.values() for name in entry.classes if len(name) > 1}
    assert names
    for name in names:
        kind = name.rpartition(" ")[0] if name[-1].isdigit() else ""
        assert f"class.named.{name}" in WORDS or f"class.numbered.{kind}" in WORDS, name


@pytest.mark.parametrize("page", ["README.md", "docs/tour.md"])
def test_tables_have_whole_rows_and_pictures_are_there(page):
    path = ROOT / page
    blocks = [block for block in re.split(r"\n\n+", path.read_text("utf-8")) if block.startswith("|")]
    assert blocks
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1, block
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", path.read_text("utf-8")):
        assert (path.parent / picture).is_file(), picture
