"""A new experiment from a template: what is run, its figure, its claim and their test.

    python -m experiments.new decay_memory                             weight decay, as an example
    python -m experiments.new adam_memory --field optimizer --values sgd adam
    python -m experiments.new cutout_memory --field augmentation --values crop,flip crop,flip,cutout none
    python -m experiments.new b1_memory --field optimizer.adam.b1 --values 0.9 0.5 --remembers more

Four files that run at once; the places to fill in are marked FILL IN. `docs/extending.md` goes through one.
"""

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jinja2
import tyro

from commandline import exit_with, parse, text_of, with_text
from research.errors import require
from research.training.config import RunConfig, require_passes

TEMPLATES = Path(__file__).with_name("templates")
FILES = {
    "experiment": "experiments/{name}.py",
    "analysis": "analysis/{name}.py",
    "claim": "analysis/claims/{name}.py",
    "test": "tests/experiments/test_{name}.py",
}


@dataclass(frozen=True)
class New:
    """What to write.

    Attributes:
        name: of the experiment, and of its files.
        field: of a run, that is varied: any field, a family (optimizer, model ...), a field of the member
            that the base run has (optimizer.momentum) or of any (optimizer.adam.b1).
        values: that it takes, as a command line has them; sequences by commas, an empty one is none.
        remembers: the claim is that with the other values more, or less, is remembered than with the first.
        folder: the repository.
    """

    name: Annotated[str, tyro.conf.Positional] = ""
    field: str = "optimizer.weight_decay"
    values: tuple[str, ...] = ("0.0005", "0.02")
    remembers: Literal["more", "less"] = "less"
    folder: Path = Path()


def check(new: New) -> tuple[str, ...]:
    """The values, each in one spelling; refuses what no experiment can be made of."""
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,39}", new.name) and not keyword.iskeyword(new.name)
    allowed = "must be small letters, digits and underscores, at most 40, and no keyword"
    require(bool(good), "name", new.name, allowed)
    require(new.field != "seed", "field", new.field, "is what every experiment varies")
    allowed = "must be of the run; an experiment is on one data set, which --data chooses"
    require(new.field.partition(".")[0] != "data", "field", new.field, allowed)
    # Each must be one that a run takes, whatever else it is.
    runs = [with_text(RunConfig(batch_size=1), new.field, text) for text in new.values]
    for run in runs:
        require_passes(run)
    values = tuple(text_of(run, new.field) for run in runs)
    allowed = "images must be left out: they are those that are never seen"
    require(new.field != "subset_size" or "none" not in values, "subset_size", "none", allowed)
    require(len(values) >= 2, "values", new.values, "at least two different ones are needed")
    require(len(set(values)) == len(values), "values", new.values, "must each be given once")
    return values


def write(new: New) -> list[Path]:
    """Write the four files; none is written where one of them is there already."""
    values = check(new)
    paths = {template: new.folder / path.format(name=new.name) for template, path in FILES.items()}
    for path in paths.values():
        taken = next((one for one in (path, path.with_suffix("")) if one.exists()), None)
        require(taken is None, "name", new.name, f"{taken} is there already")
        require(path.parent.is_dir(), "folder", str(new.folder), f"has no {path.parent.name}/ in it")
    # Losses of different kinds cannot be compared, the images that are classified rightly can.
    metric = "accuracy" if new.field.partition(".")[0] == "loss" else "loss"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # it writes Python, and names that were checked
    )
    for template, path in paths.items():
        text = environment.get_template(f"{template}.py.jinja").render(
            name=new.name,
            title=new.name.replace("_", " ").capitalize(),
            kind="".join(word.capitalize() for word in new.name.split("_")),
            field=new.field,
            plain=new.field.replace(".", "_"),
            values=values,
            remembers=new.remembers,
            metric=metric,
            unit={"loss": "nats", "accuracy": "share of images"}[metric],
            loss_unit={"loss": "nats", "accuracy": "each in its own unit"}[metric],
        )
        path.write_text(text)
    return list(paths.values())


def main() -> None:
    """Write, and say what to do next."""
    new = parse(New, "experiments.new", __doc__, sys.argv[1:], New())
    for path in write(new):
        print(path)
    print(f"\npython -m experiments.{new.name} --preset smoke")


if __name__ == "__main__":
    exit_with(main)
