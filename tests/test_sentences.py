import ast
import re
from pathlib import Path

import pytest

import genart
from genart.ui.messages import UNEXPECTED
from genart.ui.sentences import NAMES, SENTENCES, chinese
from genart.ui.words import TABLES, WORDS

PACKAGE = Path(genart.__file__).parent
ERRORS = {"GenartError", "BadRecipe", "UnknownModel", "BadWeights", "NoDownload", "Expired", "Refused"}
PLACE = re.compile(r"\{\d\}")


def parsed():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if name.parts[0] not in ("learn", "__main__.py"):
            yield ast.parse(path.read_text("utf-8"))


def calls():
    return [node for tree in parsed() for node in ast.walk(tree) if isinstance(node, ast.Call)]


def template(node):
    """The sentence of a string node, its values numbered; None for any other node."""
    if isinstance(node, ast.Constant):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    places = (f"{{{number}}}" for number in range(len(node.values)))
    return "".join(part.value if isinstance(part, ast.Constant) else next(places) for part in node.values)


def raised():
    """The template of every error the page can meet; UnknownModel makes its own sentences."""
    for call in calls():
        kind = ast.unparse(call.func)
        if kind in ERRORS - {"UnknownModel"} or (kind == "super().__init__" and "model named" in ast.unparse(call)):
            yield template(call.args[0])
    yield UNEXPECTED


def test_every_error_has_its_chinese_sentence_and_no_sentence_is_left_over():
    assert set(raised()) == set(SENTENCES)


def test_every_text_on_the_screen_stands_in_one_table():
    assert sum(len(table.WORDS) for table in TABLES) == len(WORDS)


def test_every_field_that_an_error_names_has_a_chinese_name():
    checks = [call for call in calls() if ast.unparse(call.func) in ("_whole", "_number", "_name")]
    named = {arg.value for call in checks for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}

    assert "noise strength" in named
    assert named <= set(NAMES)


@pytest.mark.parametrize("english", SENTENCES)
def test_a_chinese_sentence_is_chinese_and_keeps_every_value(english):
    text = SENTENCES[english]

    assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(english))
    assert re.search(r"[\u4e00-\u9fff]", text)
    assert text.endswith(("。", "？"))


@pytest.mark.parametrize("english", SENTENCES)
@pytest.mark.parametrize("values", [["'a b'", "7", "(1, 2)", "-0.5"], ["psi cutoff", "'it; is no name'", "none", "7"]])
def test_a_sentence_is_translated_by_its_own_template(english, values):
    expected = SENTENCES[english].format(*(NAMES.get(value, value) for value in values))

    assert chinese(english.format(*values)) == expected


def test_an_unknown_sentence_stays_as_it_is():
    assert chinese("Something else.") == "Something else."


class Counted(str):
    """A text that counts how many of its letters may have been looked at."""

    seen = 0

    def startswith(self, part, at=0):
        Counted.seen += len(part)
        return super().startswith(part, at)

    def find(self, part, at=0):
        end = super().find(part, at)
        Counted.seen += (len(self) if end < 0 else end + len(part)) - at
        return end


def work(text):
    Counted.seen = 0
    assert chinese(Counted(text)) == text
    return Counted.seen


@pytest.mark.parametrize("crafted", ["is ", "' is out of range; use a number from ", "; it has ", "a, b (c) of 'd ", "'"])
def test_a_crafted_text_takes_work_that_grows_with_its_length_alone(crafted):
    """Such as would make a pattern of several places try each end of one with each end of the others."""
    some, more = (work("{0} {1} " + crafted * (length // len(crafted)) + "…") for length in (5_000, 20_000))

    assert 0 < some < 100 * 5_000
    assert more < 5 * some
