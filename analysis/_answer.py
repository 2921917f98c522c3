"""The answer so far: every number in it is read off the published records."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from analysis import limit
from analysis.claims import Claim, Verdict
from analysis.claims._published import ClaimResults
from analysis.claims._show import effect
from research.errors import InvalidInput

FIGURES = {
    ("cifar10-jpeg-16-confirm", "limit"): "best rate, and onset of instability, against batch size",
    ("desk-drawn-confirm", "lr_sweep"): "the article's: final loss against the learning rate",
}
"""The figures that the README and the page open with, by label and name, each with what it shows."""

TEMPLATE = Path(__file__).with_name("answer.txt.jinja")


def environment() -> jinja2.Environment:
    """Where this folder's templates are, and how they are filled in."""
    loader = jinja2.FileSystemLoader(TEMPLATE.parent)
    return jinja2.Environment(
        loader=loader,
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def is_article(claim: Claim) -> bool:
    """Whether a claim is one of the article's, C1, C2 ..."""
    return re.match(r"C\d", claim.id) is not None


@dataclass(frozen=True)
class _Facts:
    """What the sentences may ask of the published records."""

    published: Sequence[ClaimResults]

    def _of(self, label: str) -> ClaimResults:
        for one in self.published:
            if one.label == label:
                return one
        raise InvalidInput("label", label, "is what the answer speaks of, and is not published")

    def _verdict(self, label: str, claim: str) -> Verdict:
        for verdict in self._of(label).verdicts:
            if verdict.claim.id == claim and verdict.findings:
                return verdict
        raise InvalidInput("claim", claim, f"is what the answer speaks of, and {label} has no verdict on it")

    def _article(self, label: str) -> list[Verdict]:
        """The verdicts on the article's claims, C1 to C8, as far as they were run."""
        found = self._of(label).verdicts
        return [one for one in found if is_article(one.claim) and one.word != "not run"]

    def count(self, label: str, word: str) -> int:
        """How many of the article's claims came to this verdict."""
        return sum(one.word == word for one in self._article(label))

    def word(self, label: str, claim: str) -> str:
        """A claim's verdict."""
        return self._verdict(label, claim).word

    def asked(self, label: str, claim: str) -> bool:
        """Whether there is a verdict on a claim: a sentence about what was not run is left out."""
        verdicts = self._of(label).verdicts
        return any(one.claim.id == claim and bool(one.findings) for one in verdicts)

    def part(self, label: str, claim: str, part: int) -> str:
        """The verdict on one of a claim's parts."""
        return self._verdict(label, claim).findings[part].word

    def effect(self, label: str, claim: str, part: int) -> str:
        """An effect with its interval."""
        return effect(self._verdict(label, claim).findings[part])

    def repetitions(self, label: str, claim: str, part: int) -> str:
        """How many seeds an effect is the mean of, and of which kind: "8 fresh repetitions"."""
        kind = "fresh" if self._of(label).evidence.phase == "confirmation" else "exploratory"
        return f"{self._verdict(label, claim).findings[part].interval.seeds} {kind} repetitions"

    def _battery(self, label: str) -> pd.DataFrame:
        return limit.table(limit.verdicts(self._of(label).evidence))

    def limits(self, label: str) -> str:
        """The mechanism that the battery names: its letter, or that it names none (`analysis.limit`)."""
        return limit.limits(self._battery(label))

    def only_left(self, label: str) -> str:
        """The mechanism that the battery names, in words; empty where it names none."""
        return limit.MECHANISMS.get(self.limits(label), "")

    def borne_out(self, label: str) -> str:
        """Of how many experiments the mechanism that is named predicts the outcome, and how many had it."""
        words = self._battery(label)
        return "{} of {}".format(*limit.borne_out(words, limit.limits(words)))

    def battery(self, label: str) -> str:
        """What the battery of experiments says limits the rate, in a sentence."""
        return limit.sentence(self._battery(label))

    def cell(self, label: str, experiment: str, mechanism: str) -> str:
        """What an experiment of the battery came to for a mechanism: "as predicted"."""
        return str(self._battery(label).loc[experiment, mechanism])

    def images(self, label: str, experiment: str) -> str:
        """Of how many images of what an experiment's training set is."""
        about = self._of(label).evidence.abouts[experiment]
        return f"{about['train_images']:,} images of {about['data']}"


FACT = re.compile(r"(<!-- (\w+\([^()]*\)) -->).*?(<!-- end -->)", re.DOTALL)
"""A number in a page: `<!-- effect("quick", "L1-D", 0) -->`, what it comes to, `<!-- end -->`."""


def _facts(published: Sequence[ClaimResults]) -> dict[str, Callable[..., object]]:
    facts = _Facts(published)
    return {
        name: getattr(facts, name) for name in dir(_Facts) if not name.startswith("_") and name != "published"
    }


def answer(published: Sequence[ClaimResults]) -> str:
    """The sentences, in Markdown: the answer in one, what it rests on as a numbered list, how sure it is.

    Raises:
        InvalidInput: the published records lack what they speak of.
    """
    paragraphs = environment().get_template(TEMPLATE.name).render(_facts(published)).strip().split("\n\n")
    return "\n\n".join(_filled_up(" ".join(one.split())) for one in paragraphs if one.strip())


def _filled_up(paragraph: str) -> str:
    """In lines of a page's width; those of an item of a list begin where its text does."""
    item = re.match(r"\d+\. ", paragraph)
    return textwrap.fill(
        paragraph,
        118,
        subsequent_indent=" " * (item.end() if item else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )


def filled(page: str, published: Sequence[ClaimResults]) -> str:
    """A page with every number that it marks (`FACT`) as the published records have it.

    Raises:
        InvalidInput: the published records lack what it speaks of, or it asks for what there is not.
    """
    compiled, facts = environment().compile_expression, _facts(published)

    def fill(found: re.Match[str]) -> str:
        before, expression, after = found.groups()
        try:
            value = compiled(expression, undefined_to_none=False)(**facts)
            return f"{before}{value}{after}"
        except (jinja2.TemplateError, TypeError, LookupError) as error:
            known = f"must be one of {', '.join(facts)}, of a published label: {error}"
            raise InvalidInput("page", expression, known) from error

    return FACT.sub(fill, page)
