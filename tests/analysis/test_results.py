"""The pages whose numbers are the records'."""

import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import _answer, _manifest, results
from analysis.claims import discover
from analysis.claims._show import effect
from research.errors import InvalidInput

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "paper_figures"
ASKED = 'effect("quick-confirm", "L1-D", 0)'
IMAGES = "cifar10-jpeg-16-confirm"  # the label that most of the answer is read off


def test_the_committed_pages_are_what_the_command_writes(published):
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert results.results(published) == page, "make figures writes docs/results.md anew"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert results.readme(readme, published) == readme, "make figures writes the README's answer anew"


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_number_that_a_page_marks_is_the_records(page, published):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert _answer.filled(text, published) == text, f"make figures writes the marked numbers of {page} anew"
    assert text.count("<!-- end -->") == len(_answer.FACT.findall(text)), "a mark that is not read"


def test_a_marked_number_that_drifts_is_put_right(published):
    effects, words = (f"<!-- {ask} -->{{}}<!-- end -->" for ask in (ASKED, 'word("quick-confirm", "L1-D")'))
    marked = f"{effects} and {words}"
    right = _answer.filled(marked.format("", ""), published)
    assert _answer.filled(marked.format("0.4 [0.3, 0.5]", "refuted"), published) == right
    verdict = next(
        v for one in published if one.label == "quick-confirm" for v in one.verdicts if v.claim.id == "L1-D"
    )
    assert f">{effect(verdict.findings[0])}<" in right
    assert f">{verdict.word}<" in right


@pytest.mark.parametrize(
    "asked",
    [
        'effect("nowhere", "L1-D", 0)',
        "invented()",
        'effect("quick-confirm")',
        'effect("quick-confirm", "L1-D", 9)',
    ],
)
def test_a_mark_that_asks_for_what_there_is_not_is_one_line(asked, published):
    with pytest.raises(InvalidInput):
        _answer.filled(f"<!-- {asked} --><!-- end -->", published)


def test_how_claims_stand_is_counted_on_fresh_seeds_alone(published):
    page = results.results(published)
    of = {claim.id: set() for claim in discover()}
    for one in published:
        for verdict in one.verdicts if min(one.evidence.seeds) >= 100 else ():
            of[verdict.claim.id].add(verdict.word)
    asked = [words - {"not run"} for words in of.values() if words - {"not run"}]
    assert f"Of {len(of)} claims {len(asked)} were asked on seeds that confirm" in page
    ends = {"supported", "contradicted"}

    def named(before: str) -> set[str]:
        (listed,) = re.findall(f"{before}(.*?)[.)]", page)
        return {*listed.split(", ")} - {"none"}

    assert f"{sum(len(words & ends) == 1 for words in asked)} of them are supported or contradicted" in page
    one_end = {name: words for name, words in of.items() if len(words & ends) == 1}
    assert named(r"inconclusive on another \(") == {
        name for name, words in one_end.items() if "inconclusive" in words
    }
    assert named("Both ways, by label, came out: ") == {name for name, words in of.items() if words >= ends}
    assert named("are inconclusive on every label: ") == {
        name for name, words in of.items() if "inconclusive" in words and not words & {*ends, "stated"}
    }
    exploring = [one for one in published if one.evidence.phase == "exploration"]
    assert f"Of {len(of)} claims 0 were asked" in results.standing(exploring)


def test_every_claim_that_was_run_is_on_the_page_with_its_verdict(published):
    page = results.results(published)
    for one in published:
        section = page.split(f"\n## {one.label}\n")[1].split("\n## ")[0]
        for verdict in one.verdicts:
            shown = f"| **{verdict.claim.id}** {verdict.claim.sentence} | | | | **{verdict.word}** |"
            assert (shown in section) == (verdict.word != "not run")


def test_every_figure_of_a_label_is_on_the_page_with_a_caption(published):
    page = results.results(published)
    for one in published:
        drawn = {path.stem for path in (FIGURES / one.label).glob("*.png")}
        assert drawn == {name for name, _ in results.captions(one)}
        for name, caption in results.captions(one):
            assert f"../paper_figures/{one.label}/{name}.png)\n\n`{name}`: {caption}\n" in page


def test_the_answer_follows_the_records(published):
    """Another verdict and another effect give another sentence, with no one typing it."""
    changed = []
    for one in published:
        verdicts = [
            replace(verdict, word="inconclusive" if verdict.claim.id == "L1-K" else verdict.word)
            for verdict in one.verdicts
        ]
        changed.append(replace(one, verdicts=verdicts) if one.label == IMAGES else one)
    before, after = (" ".join(_answer.answer(one).split()) for one in (published, changed))
    assert "predicts -1 throughout (inconclusive)" in after
    assert "predicts -1 throughout (inconclusive)" not in before
    assert before.startswith("**Neither")
    assert after.startswith("**It is open.**")


def test_the_answer_is_a_sentence_then_three_numbered_ones_then_how_sure_it_is(published):
    first, *items, last = _answer.answer(published).split("\n\n")
    assert first.startswith("**")
    assert [item[:4] for item in items] == ["1. *", "2. *", "3. *"]
    assert "95% intervals" in " ".join(last.split())
    assert all(len(line) <= 118 for line in "\n".join(items).splitlines())


def test_an_answer_without_its_records_is_one_line(published):
    with pytest.raises(InvalidInput, match=f"label is '{IMAGES}': is what the answer speaks of"):
        _answer.answer([one for one in published if one.label != IMAGES])


def test_the_readme_must_have_a_place_for_the_answer(published):
    with pytest.raises(InvalidInput, match="must have one <!-- answer --> block"):
        results.readme("# nothing", published)


@pytest.mark.parametrize("text", ["a | b", "<b>x</b>", "two\nlines"])
def test_text_stays_in_its_cell(text):
    cell = results.cell(text)
    assert "\n" not in cell
    assert "<" not in cell
    assert "|" not in cell.replace("\\|", "")


@pytest.fixture
def reported(monkeypatch) -> list:
    """What the report was written of, not being drawn."""
    found = []
    monkeypatch.setattr(results.report.Pictures, "ahead", lambda *_, **__: nullcontext())
    monkeypatch.setattr(results.report, "write", lambda options, given, _: found.append((options, given)))
    return found


def test_the_command_tells_a_page_that_was_edited(tmp_path, monkeypatch, published, reported):
    page, readme = tmp_path / "results.md", tmp_path / "README.md"
    readme.write_text("<!-- answer -->\n<!-- end of answer -->\n")
    words = ["results", "--page", str(page), "--readme", str(readme)]
    monkeypatch.setattr(results, "answers", lambda _: published)
    monkeypatch.setattr(sys, "argv", words)
    results.main()
    ((options, given),) = reported
    assert (options.source, options.published, given) == (results.PUBLISHED, results.PUBLISHED, published)
    monkeypatch.setattr(sys, "argv", [*words, "--check"])
    results.main()
    assert len(reported) == 1
    page.write_text(page.read_text().replace("supported", "proved"))
    with pytest.raises(InvalidInput, match="is not what the records say; make figures writes it"):
        results.main()


def redrawn(tmp_path, monkeypatch, answers) -> None:
    """`python -m analysis.results --redraw` of the published sweep at the folder `some`."""
    readme = tmp_path / "README.md"
    readme.write_text("<!-- answer -->\n<!-- end of answer -->\n")
    words = ["--figures", str(tmp_path), "--page", str(tmp_path / "results.md"), "--readme", str(readme)]
    monkeypatch.setattr(results, "answers", lambda _: answers)
    monkeypatch.setattr(sys, "argv", ["results", *words, "--redraw"])
    results.main()


@pytest.fixture
def some(tmp_path) -> Path:
    """A folder of published records."""
    (tmp_path / "some").mkdir()
    for kind in ("parquet", "json"):
        shutil.copy(FIGURES / "mnist10k-confirm" / f"small_batches.{kind}", tmp_path / "some")
    return tmp_path / "some"


def test_a_figure_drawn_anew_is_stated_with_its_files(some, tmp_path, monkeypatch, published):
    monkeypatch.setattr(results.report, "write", lambda *_: None)
    redrawn(tmp_path, monkeypatch, published)
    entry = _manifest.read(some)["small_batches"]
    assert _manifest.stale(some) == {}
    assert set(entry["files"]) == {f"small_batches.{kind}" for kind in ("png", "pdf", "csv")}
    assert entry["records"] == _manifest.read(FIGURES / "mnist10k-confirm")["small_batches"]["records"]


def test_a_figure_that_cannot_be_drawn_is_named_at_the_end(some, tmp_path, monkeypatch, published, capsys):
    monkeypatch.setattr(results.report, "write", lambda *_: None)
    (some / "small_batches.parquet").write_bytes(b"no records")
    with pytest.raises(SystemExit, match="1"):
        redrawn(tmp_path, monkeypatch, published)
    assert (tmp_path / "results.md").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("some/small_batches: cannot be drawn: label is 'some': ")


@pytest.mark.parametrize("words", [[], ["--check"]])
def test_pages_are_not_written_without_a_damaged_experiment(some, tmp_path, monkeypatch, words):
    """A claim on it would be "not run", which is not so; `train` has no figure of its own."""
    for kind in ("parquet", "json"):
        shutil.copy(FIGURES / "quick-confirm" / f"train.{kind}", some)
    (some / "train.json").write_text("{")
    page, readme = tmp_path / "results.md", tmp_path / "README.md"
    readme.write_text("<!-- answer -->\n<!-- end of answer -->\n")
    where = ["--figures", str(tmp_path), "--page", str(page), "--readme", str(readme)]
    monkeypatch.setattr(sys, "argv", ["results", *where, *words])
    monkeypatch.setattr(results.report.Pictures, "ahead", lambda *_, **__: nullcontext())
    with pytest.raises(InvalidInput, match=r"^records is 'some/train': nothing is written without them: "):
        results.main()
    assert not page.exists()


def test_nothing_can_be_drawn_where_nothing_is_written():
    with pytest.raises(InvalidInput, match=r"^redraw is True: cannot be, with --check"):
        results.ResultsOptions(redraw=True, check=True)


def test_redrawing_gives_the_same_bytes(tmp_path):
    """Figures, numbers, verdicts and page, from the published records, twice in processes of their own."""
    (tmp_path / "quick").mkdir()
    for kind in ("parquet", "json"):
        shutil.copy(FIGURES / "quick-confirm" / f"lr_sweep.{kind}", tmp_path / "quick")
    records = set(tmp_path.rglob("*.*"))
    made, alone = [], ["--published", str(tmp_path / "none")]
    for _ in range(2):
        for words in (
            ["analysis.lr_sweep", "--redraw"],
            ["analysis.report", *alone],
        ):
            command = [sys.executable, "-m", *words, "--figures", str(tmp_path)]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        made.append({path.name: path.read_bytes() for path in tmp_path.rglob("*.*")})
        for path in set(tmp_path.rglob("*.*")) - records:
            path.unlink()
    assert made[0] == made[1]
    assert {"report.html", "claims.json", "lr_sweep.png", "lr_sweep.pdf", "lr_sweep.csv"} <= set(made[0])


@pytest.mark.parametrize("page", ["nowhere/results.md", "pages"])
@pytest.mark.usefixtures("reported")
def test_a_page_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, page, published):
    (tmp_path / "pages").mkdir()
    monkeypatch.setattr(results, "answers", lambda _: published)
    monkeypatch.chdir(tmp_path)
    words = ["--figures", str(FIGURES), "--readme", str(ROOT / "README.md"), "--page", page]
    monkeypatch.setattr(sys, "argv", ["results", *words])
    with pytest.raises(InvalidInput, match=f"^page is '{page}': must be a file that can be written"):
        results.main()
    monkeypatch.setattr(sys, "argv", ["results", *words, "--check"])
    with pytest.raises(InvalidInput, match=f"^file is '{page}': is not what the records say"):
        results.main()
