"""The page: what is on it, what is not, and how it looks in a browser."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from analysis import report
from analysis.claims._published import answers

FIGURES = Path(__file__).parents[2] / "paper_figures"


@pytest.fixture(scope="module")
def page() -> str:
    return report.page(answers(FIGURES), FIGURES)


def test_the_page_is_one_file_without_scripts(page):
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "url(" not in page


def test_verdicts_come_before_figures_and_each_figure_has_alt_text(page):
    images = re.findall(r"<img [^>]*>", page)
    assert len(images) == len(list(FIGURES.glob("*/*.png")))
    assert all(re.search(r'alt="[^"]{40,}"', image) for image in images)
    assert page.index('class="verdict') < page.index("<img")


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
            "revision",
            "time",
            "command",
        }


def test_every_claim_is_on_it_with_its_verdict(page):
    for one in answers(FIGURES):
        for verdict in one.verdicts:
            assert html.escape(verdict.claim.sentence, quote=False).replace("'", "&#39;") in page
    assert "C1-number" in page


def test_labels_have_sections_of_their_own(tmp_path):
    """Another data set's records are drawn apart, and a name that looks like HTML is text."""
    for label in ("quick", "mine"):
        (tmp_path / label).mkdir()
        for path in (FIGURES / "quick").glob("lr_sweep.*"):
            shutil.copy(path, tmp_path / label)
        shutil.copy(FIGURES / "quick" / "manifest.json", tmp_path / label)
    for path in (tmp_path / "mine").glob("*.json"):
        if path.with_suffix(".parquet").exists():
            about = json.loads(path.read_text()) | {"data": "<b>mine</b>", "classes": 10}
            path.write_text(json.dumps(about))
    text = report.page(answers(tmp_path), tmp_path)
    assert text.count("<h2>") == 3
    assert "<h2>quick, synthetic</h2>" in text
    assert "<h2>quick, &lt;b&gt;mine&lt;/b&gt;</h2>" in text
    assert "<b>mine" not in text
    assert "figure is stale" in text  # the records are no longer those that the copied figure was drawn from


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "width", "dark"), [("desktop", 1100, False), ("phone", 500, False), ("dark", 1100, True)]
)
def test_it_fits_a_real_browser(tmp_path, page, name, width, dark):
    """Screenshots are left in `.local/report/` to be looked at."""
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed: apt-get install chromium"
    measured = tmp_path / "page.html"
    script = "<script>document.title = document.documentElement.scrollWidth + '/' + innerWidth</script>"
    measured.write_text(page.replace("</body>", script + "</body>"))
    shots = FIGURES.parent / ".local" / "report"
    shots.mkdir(parents=True, exist_ok=True)
    common = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    common += ["--disable-background-networking", f"--window-size={width},3000"]
    common += ["--blink-settings=preferredColorScheme=0"] if dark else []

    def browse(*words: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [*common, profile, *words, measured.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    title = re.search(r"<title>(\d+)/(\d+)</title>", browse("--dump-dom"))
    assert title, "the page did not load"
    assert int(title[1]) <= int(title[2]), "the page is wider than the window"
    browse(f"--screenshot={shots / name}.png")
    pixels = matplotlib.image.imread(shots / f"{name}.png")[..., :3]
    assert (pixels[5, 5].mean() < 0.3) == dark
    assert np.unique(pixels.reshape(-1, 3), axis=0).shape[0] > 100
