"""The documents are part of the software: what they name exists, and what exists is named."""

import ast
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import chexnet
from chexnet import paper
from chexnet.findings import FINDINGS, CodeStatus

ROOT = Path(__file__).resolve().parents[1]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    expected = script("generate_cli").reference()
    assert (ROOT / "docs" / "cli.md").read_text() == expected, "run: python docs/generate_cli.py"


@pytest.mark.parametrize("name", [name for name in chexnet.__all__ if name != "__version__"])
def test_every_public_name_is_documented(name: str) -> None:
    assert getattr(chexnet, name).__doc__
    assert f"`{name}`" in (ROOT / "docs" / "library.md").read_text()


@pytest.mark.parametrize("page", ["README.md", *sorted(path.name for path in (ROOT / "docs").glob("*.md"))])
def test_every_file_that_a_page_links_to_is_there(page: str) -> None:
    path = ROOT / page if page == "README.md" else ROOT / "docs" / page
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


COMMANDS = re.compile(r"python -m (recipes(?:\.\w+)+)")


def test_every_recipe_that_is_named_as_a_command_can_be_run() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    pages += [*ROOT.glob("docs/*.md"), *ROOT.glob("recipes/**/*.py")]
    named = {name for page in pages for name in COMMANDS.findall(page.read_text())}
    assert {"recipes.embedded", "recipes.card.measure"} <= named
    for name in named:
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), name


def defined(module, name):
    """Whether `module` defines `name`: a function, a class, a constant, or `Class.method` in that class."""
    body = ast.parse((ROOT / "chexnet" / module).read_text()).body
    for part in name.split("."):
        found = [node for node in body if part in names_of(node)]
        if not found:
            return False
        body = getattr(found[0], "body", [])
    return True


def names_of(node):
    match node:
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            return [getattr(node, "name", "")]


@pytest.mark.parametrize("page", ["paper-to-code.md", "architecture.md"])
def test_modules_named_by_a_page_define_what_it_names(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    named = [
        (module, name)
        for module, names in re.findall(r"`((?:\w+/)*\w+\.py)`: ((?:`[\w.()]+`(?:, )?)+)", text)
        for name in re.findall(r"`([\w.]+)", names)
    ]
    assert len(named) > 10
    missing = [f"{module}: {name}" for module, name in named if not defined(module, name)]
    assert not missing


def test_every_room_stands_on_the_page_of_the_house() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "chexnet").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE))


def test_install_lines_work_from_a_clone() -> None:
    """The name is not published, so an install line names the clone, and its extras exist."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for line in re.findall(r"pip install [^`\n]*", page.read_text()):
            assert not re.search(r"chexnet\[|install chexnet\b", line), f"{page.name}: {line}"
            for named in re.findall(r"\.\[([\w,]+)\]", line):
                assert set(named.split(",")) <= set(extras), f"{page.name}: {line}"


def test_table_2_of_the_paper_is_stored_as_printed(data_dir: Path) -> None:
    text = (data_dir.parent / "paper" / "chexnet.md").read_text()
    for pathology in paper.PATHOLOGIES:
        row = re.search(rf"^{pathology.replace('_', ' ')}\t([\d.\t]+)$", text, re.MULTILINE)
        assert row, pathology
        printed = [float(number) for number in row[1].split("\t")]
        assert printed == [column[pathology] for column in paper.TABLE_2.values()]


def test_dicom_knows_every_code_that_is_said_to_be_in_ps3_16() -> None:
    from pydicom.sr._concepts_dict import concepts

    for finding in FINDINGS.values():
        if finding.code and finding.code.status is CodeStatus.DICOM:
            assert any(finding.code.value in values for values in concepts[finding.code.scheme].values())


@pytest.fixture(scope="module")
def measured_documents():
    return script("generate_measured")


def test_the_card_the_readme_and_the_results_hold_the_figures_that_were_measured(measured_documents) -> None:
    for path, text in measured_documents.documents().items():
        assert path.read_text() == text, f"{path.name}: run: python docs/generate_measured.py"


def test_the_cards_picture_is_there(measured_documents) -> None:
    assert measured_documents.PICTURE.read_bytes().startswith(b"<?xml")
