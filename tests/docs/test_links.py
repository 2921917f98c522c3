"""Every link from one of the project's pages to another goes somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.ipynb")])
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Of its headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_go_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), link
        assert target.exists(), f"{page.name}: {link} goes nowhere"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link} has no such heading"


def test_every_page_is_reached_from_the_readme():
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = LINK.findall(page.read_text(encoding="utf-8"))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link]
    assert {page for page in PAGES if page.suffix == ".md"} - {ROOT / "CHANGELOG.md"} <= reached


def test_the_readme_can_be_read_in_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_every_experiment_is_in_the_list_of_experiments():
    text = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    batch = (ROOT / "docs" / "batch_size.md").read_text(encoding="utf-8")
    for path in (ROOT / "experiments").glob("[!_]*.py"):
        assert path.stem in text + batch, f"docs/experiments.md does not name {path.stem}"


def test_commands_that_are_named_exist():
    for page in PAGES:
        for name in re.findall(r"python -m ((?:experiments|analysis)\.[a-z_]+)", page.read_text()):
            path = ROOT / name.replace(".", "/")
            made = name.endswith(("decay_memory", "shortcut_memory", "NAME"))  # by docs/extending.md
            assert made or path.with_suffix(".py").exists() or path.is_dir(), f"{page.name}: {name}"


def test_make_targets_that_are_named_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for page in PAGES:
        for name in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")):
            assert name in targets, f"{page.name}: make {name}"
