"""The page: what is on it, what is not, and how it looks in a browser."""

import html
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import matplotlib.image
import numpy as np
import pytest
from markupsafe import Markup

from analysis import _answer, report
from analysis.claims._published import ClaimResults, answers
from analysis.claims._show import effect
from research.errors import InvalidInput
from research.records.store import checksum

FIGURES = Path(__file__).parents[2] / "paper_figures"


@pytest.fixture(scope="module")
def given(published) -> list[ClaimResults]:
    return published


@pytest.fixture(scope="module")
def page(given) -> str:
    """With one experiment's figures; those of the others are squares, which are drawn sooner."""
    drawn = report._image
    square = Markup("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "_image", lambda name, *of: drawn(name, *of) if name == "lr_sweep" else square)
        return report.page(given, FIGURES)


@pytest.fixture(scope="module")
def whole_page(given) -> str:
    """With every figure."""
    return report.page(given, FIGURES)


def test_the_page_is_one_file_without_scripts(page):
    assert "<script" not in page
    assert not re.search(r"""\s(?:src|href)\s*=\s*["'](?!data:|#)""", page)
    assert "@import" not in page
    drawn = [unquote(url) for url in re.findall(r'src="data:image/svg\+xml,([^"]*)"', page)]
    assert len(drawn) == page.count("<img ")
    for svg in drawn:
        assert not re.search(r"href='(?!#)|url\((?!#)", svg)
    assert "url(" not in re.sub(r'src="data:[^"]*"', "", page)


def test_every_link_goes_to_a_place_on_the_page(page):
    places = re.findall(r' id="([^"]+)"', page)
    assert len(places) == len(set(places))
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {"quick-confirm-C2", "cifar10-jpeg-16-C8"} <= links <= set(places)


def test_a_slimmer_figure_is_the_same_figure():
    svg = """<?xml version="1.0"?>
<svg><!-- 8 --><metadata>now</metadata><g id="text_1">
<path d="M 10.123456 -0.004
L 1991 4666 z" transform="scale(0.015625)"/><use x="3.10000" transform="translate(63.623047 0)"/></g></svg>"""
    assert report.slim(svg) == (
        "<svg><g><path d='M10.12 -0L1991 4666z' transform='scale(0.015625)'/>"
        "<use x='3.1' transform='translate(63.62 0)'/></g></svg>"
    )


def test_each_figure_has_alt_text(page):
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == len(list(FIGURES.glob("*/*.png"))) + 1  # with the one that the page opens with
    assert all(re.search(r'alt="[^"]{40,}"', image) for image in images)


def test_each_claim_is_told_beside_the_first_figure_that_it_needs(page, given):
    for one in given:
        section = page[page.index(f'<h2 id="of-{one.label}">') :]
        for verdict in one.verdicts:
            if verdict.word != "not run":
                before = section[: section.index(f'id="{one.label}-{verdict.claim.id}"')]
                assert re.findall(r"<h3>(\w+)</h3>", before)[-1] == verdict.claim.needs[0]


def test_each_experiment_says_where_its_records_are_from(page):
    for path in FIGURES.glob("*/*.parquet"):
        about = json.loads(path.with_suffix(".json").read_text())
        assert html.escape(about["command"]).replace("&#x27;", "&#39;") in page
        assert about["provenance"]["jax"] in page
        facts = dict(report.facts(about))
        assert set(facts) >= {
            "data",
            "preset",
            "seeds",
            "versions",
            "hardware",
            "git revision",
            "wall time",
            "command",
        }


def test_every_claim_is_on_it_with_its_verdict(page, given):
    for one in given:
        for verdict in one.verdicts:
            if verdict.word == "not run":  # of these the page has a line of ids for each label
                continue
            assert html.escape(verdict.claim.sentence, quote=False).replace("'", "&#39;") in page
    assert "C1-number" in page


def test_labels_have_sections_of_their_own(tmp_path):
    """Another data set's records are drawn apart, and a name that looks like HTML is text."""
    for label in ("quick", "mine"):
        (tmp_path / label).mkdir()
        for path in (FIGURES / "quick-confirm").glob("lr_sweep.*"):
            shutil.copy(path, tmp_path / label)
        shutil.copy(FIGURES / "quick-confirm" / "manifest.json", tmp_path / label)
    for path in (tmp_path / "mine").glob("*.json"):
        if path.with_suffix(".parquet").exists():
            about = json.loads(path.read_text()) | {"data": "<b>mine</b>", "classes": 10}
            path.write_text(json.dumps(about | {"checksum": checksum(about)}))
    text = report.page(answers(tmp_path), tmp_path)
    assert text.count("<section>") == 2
    assert '<h2 id="of-quick">quick, synthetic</h2>' in text
    assert '<h2 id="of-mine">quick, &lt;b&gt;mine&lt;/b&gt;</h2>' in text
    assert "<b>mine" not in text
    assert "that was saved is stale" in text  # its records were changed


def test_records_that_are_older_than_the_command_say_how_they_were_made():
    about = json.loads((FIGURES / "quick-confirm" / "train.json").read_text())
    about["records"] |= {"jax": ["0.9.0", "0.10.2"], "device": ["1 x H100"], "processor": ["8 x Xeon"]}
    about["records"] |= {"revision": ["22c29f701617"], "seconds": 21.2}
    told = dict(report.facts(about))
    assert told["versions"] == "jax 0.9.0, 0.10.2"  # the command's other packages are not theirs
    assert told["hardware"] == "1 x H100 (8 x Xeon)"
    assert told["git revision"] == "22c29f701617"
    assert told["wall time"] == "21 s, the runs' added up"
    about["records"]["seconds"] = 0  # of measurements that take no time of a run's
    assert dict(report.facts(about))["wall time"] == "not recorded"


LOOK = """
const frame = document.querySelector("iframe"), page = frame.contentDocument, seen = frame.contentWindow;
const colour = seen.getComputedStyle(page.body);
document.title = JSON.stringify({
  wide: page.documentElement.scrollWidth, window: seen.innerWidth,
  sticking_out: [...page.querySelectorAll("body *")].filter(
    (one) => !one.closest(".scroll") && one.getBoundingClientRect().right > seen.innerWidth + 1).length,
  paper: colour.backgroundColor, ink: colour.color, scripts: page.scripts.length,
  asked_for: seen.performance.getEntriesByType("resource").map((one) => one.name)
    .filter((name) => !name.startsWith("data:")),
  figures: [...page.images].map((one) => [one.alt, one.naturalWidth]),
});
"""


def chromium(folder: Path, *words: str) -> str:
    program = shutil.which("chromium")
    assert program, "Chromium is not installed: apt-get install chromium"
    options = "headless no-sandbox disable-gpu no-first-run hide-scrollbars disable-background-networking"
    options += " disable-component-update disable-sync allow-file-access-from-files"
    command = [
        program,
        *(f"--{option}" for option in options.split()),
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=180, check=True)
    return done.stdout


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(360, False), (390, True), (1280, False), (1280, True)])
def test_it_fits_a_real_browser(tmp_path, whole_page, width, dark):
    """Screenshots are left in `.local/report/` to be looked at.

    A window is at least 500 pixels wide: the page is looked at in a frame, which may be a phone's.
    """
    (tmp_path / "page.html").write_text(whole_page)
    frame = f'<iframe src="page.html" style="border: 0; width: {width}px; height: 2900px"></iframe>'
    around = f"<!doctype html><title>-</title><body style='margin: 0'>{frame}"
    outer = tmp_path / "outer.html"
    outer.write_text(f"{around}<script>document.querySelector('iframe').onload = () => {{{LOOK}}}</script>")
    words = [f"--window-size={max(500, width)},2900"]
    words += ["--blink-settings=preferredColorScheme=0"] if dark else []
    title = re.search(r"<title>(\{.*?)</title>", chromium(tmp_path, *words, "--dump-dom", outer.as_uri()))
    assert title, "the page did not load"
    found = json.loads(html.unescape(title[1]))
    assert found["window"] == width
    assert found["wide"] <= width, "the page is wider than the window"
    assert found["sticking_out"] == 0
    assert found["scripts"] == 0
    assert found["asked_for"] == []
    assert all(len(alt) > 40 and drawn > 0 for alt, drawn in found["figures"])
    assert len(found["figures"]) == whole_page.count("<img ")
    light = [sum(map(int, re.findall(r"\d+", found[name])[:3])) / 765 for name in ("paper", "ink")]
    assert (light[0] < 0.2 and light[1] > 0.8) if dark else (light[0] > 0.8 and light[1] < 0.2)
    shots = FIGURES.parent / ".local" / "report"
    shots.mkdir(parents=True, exist_ok=True)
    picture = shots / f"{width}{'-dark' if dark else ''}.png"
    chromium(tmp_path, *words, f"--screenshot={picture}", outer.as_uri())
    pixels = matplotlib.image.imread(picture)[:, :width, :3]
    assert (pixels[5, 5].mean() < 0.3) == dark
    assert np.unique(pixels.reshape(-1, 3), axis=0).shape[0] > 100


@pytest.mark.browser
def test_it_prints(tmp_path, whole_page):
    (tmp_path / "page.html").write_text(whole_page)
    printed = FIGURES.parent / ".local" / "report" / "printed.pdf"
    printed.parent.mkdir(parents=True, exist_ok=True)
    words = ["--no-pdf-header-footer", f"--print-to-pdf={printed}", (tmp_path / "page.html").as_uri()]
    chromium(tmp_path, *words)
    pages = len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))
    assert whole_page.count("<img ") / 2 < pages < 4 * whole_page.count("<img ")


def test_labels_of_the_same_data_and_preset_are_told_apart(tmp_path):
    for label in ("quick", "again"):
        (tmp_path / label).mkdir()
        for path in (FIGURES / "quick-confirm").glob("lr_sweep.*"):
            shutil.copy(path, tmp_path / label)
    text = report.page(answers(tmp_path), tmp_path)
    for label in ("quick", "again"):
        assert f'<h2 id="of-{label}">quick, synthetic ({label})</h2>' in text


def test_the_answer_comes_first_then_its_figure_then_the_article_then_the_rest(page):
    answer = page.index('class="answer"')
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings[0] == "What the article says"
    assert answer < page.index("<img") < page.index(f"<h2>{headings[0]}")
    claims = [re.findall(r'<th scope="row">(.*?)</th>', part) for part in page.split("<h2>")[1:]]
    assert [name[0] for name in claims[0]] == ["C"] * len(claims[0])
    assert not any(name.startswith("C") for names in claims[1:] for name in names)


def test_what_was_not_run_is_a_line_for_each_label(page, given):
    assert page.split("<section>")[0].count("not run") <= 1
    for one, section in zip(given, page.split("<section>")[1:], strict=True):
        assert section.count("were not run on these records") == any(
            verdict.word == "not run" for verdict in one.verdicts
        )


def test_your_own_stand_beside_the_published_ones(given, monkeypatch):
    """The same verdicts agree with themselves; an effect that is moved far away is said to differ."""
    monkeypatch.setattr(report, "_image", lambda *of: Markup("data:,"))
    (quick,) = [one for one in given if one.label == "quick-confirm"]
    same = report.page([quick], FIGURES, given)
    assert "Compared with the published label <code>quick-confirm</code>" in same
    assert "they differ beyond their intervals" not in same
    (flat,) = [verdict for verdict in quick.verdicts if verdict.claim.id == "L1-D"]
    (finding,) = flat.findings
    moved = replace(finding.interval, mean=9.0, low=8.0, high=10.0)
    mine = replace(flat, word="contradicted", findings=(replace(finding, interval=moved),))
    page = report.page([replace(quick, verdicts=[mine])], FIGURES, given)
    assert f"9 [8, 10]</b> (published: {effect(finding)}" in page
    assert page.count("they differ beyond their intervals") == 1
    assert "published: supported" in page


def test_a_figure_that_cannot_be_drawn_takes_nothing_with_it(given, monkeypatch):
    def broken(name, module, folder, redraw):
        if folder.name == "quick-confirm":
            raise ZeroDivisionError("no <points>")
        return Markup("data:,")

    monkeypatch.setattr(report, "_image", broken)
    text = report.page(given, FIGURES)
    drawn = sum(folder.name != "quick-confirm" for folder in FIGURES.glob("*/") for _ in folder.glob("*.png"))
    assert next(iter(_answer.FIGURES))[0] != "quick-confirm"
    assert text.count("<img ") == 1 + drawn  # the answer's own figure is shown once more
    assert "Its figure cannot be drawn: ZeroDivisionError: no &lt;points&gt;" in text
    assert text.count("<section>") == len(given)


def test_records_that_say_nothing_of_themselves_are_shown_all_the_same(given):
    (name, told), *rest = report._facts({"preset": "quick"})
    assert (name, rest) == ("records", [])
    assert "KeyError" in told


def test_read_only_records_are_reported_elsewhere(tmp_path, monkeypatch, capsys):
    """A folder in the place of claims.json cannot be written, by a superuser neither."""
    for kind in ("parquet", "json"):
        (tmp_path / "quick" / "claims.json").mkdir(parents=True, exist_ok=True)
        shutil.copy(FIGURES / "quick-confirm" / f"lr_sweep.{kind}", tmp_path / "quick")
    words = ["report", "--figures", str(tmp_path), "--published", str(tmp_path / "none")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(
        InvalidInput, match=r"^figures is .* written to \(Is a directory\); --out PAGE writes"
    ):
        report.main()
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "x.html")])
    report.main()
    assert "no claims.json is written" in capsys.readouterr().err
    assert (tmp_path / "x.html").read_text().startswith("<!doctype html>")


def test_figures_drawn_ahead_by_other_processes_are_those_of_the_page(tmp_path, monkeypatch):
    for name in ("lr_sweep", "train"):
        for kind in ("parquet", "json"):
            (tmp_path / "some").mkdir(exist_ok=True)
            shutil.copy(FIGURES / "desk-cifar-10-jpeg-confirm" / f"{name}.{kind}", tmp_path / "some")
    given = answers(tmp_path)
    here = report.page(given, tmp_path)
    pictures = report.Pictures()
    with pictures.ahead(tmp_path, "some"):
        monkeypatch.setattr(report, "_image", lambda *_: pytest.fail("a figure was drawn here, too"))
        assert report.page(given, tmp_path, pictures=pictures) == here
    assert "data:image/svg+xml" in here
