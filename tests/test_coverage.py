"""Every sentence of the product's pages has a test: docs/coverage.md names it, and the test is there.

One line a sentence: `product file | sentence | tests/path.py::test_name`, several tests apart by commas.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COVERAGE = ROOT / "docs" / "coverage.md"
PRODUCT = ROOT.parent / "shared" / "product"
LEAST_WORDS = (
    3  # what is shorter is a heading, a column's name or a step's number: the text beneath it says what it does
)
# The frame of the web pages that the texts were taken from, which says nothing about the product.
FRAME = re.compile(r"Skip to main content|Did this answer your question\?|Last modified on .*|What it contains")
_LINE = re.compile(r"(?P<file>[\w-]+\.txt) \| (?P<sentence>.+) \| (?P<tests>.*)")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def sentences(text: str) -> list[str]:
    """The sentences of a page: of each line, without bullets and without the frame."""
    found = (part for line in FRAME.sub("", text).splitlines() for part in _END.split(line.strip().removeprefix("•")))
    cleaned = (" ".join(part.replace("|", " ").split()).removeprefix("- ") for part in found)
    return [one for one in cleaned if len(one.split()) >= LEAST_WORDS]


def listed() -> dict[tuple[str, str], list[str]]:
    """What docs/coverage.md says: (product file, sentence) -> its tests."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in COVERAGE.read_text(encoding="utf-8").splitlines():
        if ".txt | " not in line:
            continue
        read = _LINE.fullmatch(line.strip())
        assert read, f"not `product file | sentence | tests/path.py::test_name`: {line}"
        tests = [test.strip() for test in read["tests"].split(",") if test.strip()]
        found.setdefault((read["file"], read["sentence"].strip()), []).extend(tests)
    return found


@cache
def _tests_in(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


@pytest.mark.slow
def test_each_listed_sentence_names_a_test_that_is_there() -> None:
    without = [f"{file}: {sentence}" for (file, sentence), tests in listed().items() if not tests]
    assert not without, "These sentences have no test:\n" + "\n".join(without)
    named = {test for tests in listed().values() for test in tests}
    missing = []
    for test in sorted(named):
        path, _, name = test.partition("::")
        if name not in _tests_in(ROOT / path):
            missing.append(test)
    assert not missing, "docs/coverage.md names tests that are not there:\n" + "\n".join(missing)


@pytest.mark.parametrize("file", ["customers-page.txt", "requests-page.txt"])
def test_each_sentence_of_the_product_is_listed(file: str) -> None:
    mine = [sentence for name, sentence in listed() if name == file]
    assert mine, f"docs/coverage.md lists nothing of {file}"
    if not PRODUCT.is_dir():  # a clone without ../shared: the list itself is all there is to look at
        return
    wanted = sentences((PRODUCT / file).read_text(encoding="utf-8"))
    left_out = [sentence for sentence in wanted if sentence not in mine]
    assert not left_out, "docs/coverage.md leaves out:\n" + "\n".join(left_out)
    assert set(mine) <= set(wanted), "docs/coverage.md lists what the product does not say"
