"""The house: imports point one way, files stay small, every package says what lives in it."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("connectors", "dashboard", "data", "invitations", "pipelines", "web")
LONGEST_FILE = 300

# package -> what of ours it may import; a whole package, or one module of it
MAY_IMPORT = {
    "data": ("data",),
    "connectors": ("connectors", "data.words"),
    "invitations": ("invitations", "data", "connectors"),
    "pipelines": ("pipelines", "invitations", "data", "connectors"),
    "dashboard": ("dashboard", "invitations", "data", "connectors"),
    "web": ("web", "invitations", "data", "connectors"),
}
# `invitations` and `dashboard` know providers only by the Protocols; pipelines and web open them through the registry.
ONLY_PROTOCOLS = ("invitations", "dashboard")
FILE_READERS = ("connectors.csv_file", "connectors.excel_file")  # read a file format, not a provider


def modules(package: str) -> Iterator[Path]:
    yield from sorted(path for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts)


@cache
def imports(path: Path) -> list[str]:
    """Every module named in an import anywhere in the file, as `package.module` or `package.module.name`."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return found


def is_within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(allowed + ".")


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.slow
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imports(path)
        if name.split(".")[0] in PACKAGES and not any(is_within(name, allowed) for allowed in MAY_IMPORT[package])
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ONLY_PROTOCOLS)
def test_only_protocols_of_the_connectors_are_known_inside(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imports(path)
        if name.count(".") > 1
        and is_within(name, "connectors")
        and not any(is_within(name, reader) for reader in FILE_READERS)
    ]
    assert wrong == []


def test_only_the_demo_knows_that_the_sandbox_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PACKAGES
        for path in modules(package)
        for name in imports(path)
        if is_within(name, "connectors.sandbox")
        and "sandbox" not in path.parts
        and path.relative_to(ROOT).parts[:1] != ("pipelines",)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_files_stay_small(package: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules(package)
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}, "split along a seam that a reader would name"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_lives_in_it(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in modules(package)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_named_for_nothing(package: str) -> None:
    vague = {"utils", "helpers", "common", "manager", "base", "util", "misc"}
    assert [path.name for path in modules(package) if path.stem in vague] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "strangers"),
    [
        ("connectors.registry", ("twilio", "requests", "streamlit", "dagster")),
        ("invitations.send", ("twilio", "dagster", "streamlit", "starlette")),
        ("dashboard", ("dagster", "twilio")),
        ("web.app", ("dagster", "twilio", "streamlit")),
    ],
)
def test_importing_a_package_loads_no_stranger(package: str, strangers: tuple[str, ...]) -> None:
    code = f"import sys, {package}; print([name for name in {strangers!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_nobody_imports_what_the_type_checker_does_not_read() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    unread = [name.removesuffix(".*") for one in settings if one["follow_imports"] == "skip" for name in one["module"]]
    assert "altair" in unread
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PACKAGES
        for path in modules(package)
        for name in imports(path)
        if any(is_within(name, one) for one in unread)
    ]
    assert wrong == []


def test_the_prescribed_layout_is_there() -> None:
    expected = [
        *PACKAGES,
        *("tests", "bench", "docs", "workspace.yaml", "pyproject.toml", "README.md", "Makefile", "dagster.yaml"),
        *(".env.example", ".ci/run", "requirements.lock", "docs/decisions.md", "docs/operations.md"),
        *("docs/connectors.md", "data/samples/account.toml", "data/samples/customers.csv"),
    ]
    assert [name for name in expected if not (ROOT / name).exists()] == []


def test_the_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


@pytest.mark.parametrize("word", ["TODO", "FIXME", "NotImplementedError"])
def test_nothing_is_left_half_done(word: str) -> None:
    found = [
        str(path.relative_to(ROOT)) for package in PACKAGES for path in modules(package) if word in path.read_text()
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.slow
def test_whoever_reads_a_screen_or_a_terminal_meets_one_spelling_of_email(package: str) -> None:
    trees = [ast.parse(path.read_text()) for path in modules(package)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    about_code = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
    said = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in about_code]
    assert not [words for words in said if isinstance(words, str) and "e-mail" in words.lower()]
