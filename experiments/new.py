"""A new experiment from a template: what is run, its figure, its claim and their test.

    python -m experiments.new decay_memory                             weight decay, as an example
    python -m experiments.new width_memory --field model.width --values 8 16 --lengthens

Four files that run at once; the places to fill in are marked FILL IN. `docs/extending.md` goes through one.
"""

import keyword
import re
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated

import jinja2
import tyro

from commandline import exit_with, parse
from research.errors import require
from research.training.config import RunConfig

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
        field: of a run, that is varied; model.FIELD for one of the network's.
        values: that it takes.
        lengthens: the claim is that a larger value lengthens memory; else, that it shortens it.
        folder: the repository.
    """

    name: Annotated[str, tyro.conf.Positional] = ""
    field: str = "weight_decay"
    values: tuple[float, ...] = (0.0005, 0.02)
    lengthens: bool = False
    folder: Path = Path()


def check(new: New) -> type:
    """The type of the field that is varied; refuses what no experiment can be made of."""
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,39}", new.name) and not keyword.iskeyword(new.name)
    allowed = "must be small letters, digits and underscores, at most 40, and no keyword"
    require(bool(good), "name", new.name, allowed)
    numeric = _numeric(RunConfig())
    require(new.field in numeric, "field", new.field, f"must be one of {', '.join(numeric)}")
    require(len(set(new.values)) >= 2, "values", new.values, "at least two different ones are needed")
    whole = numeric[new.field] is not int or all(value.is_integer() for value in new.values)
    require(whole, "values", new.values, f"{new.field} takes whole numbers")
    for value in new.values:  # each must be one that a run takes, whatever else it is
        _changed(RunConfig(batch_size=1), new.field, numeric[new.field](value))
    return numeric[new.field]


def _changed(run: RunConfig, field: str, value: float) -> RunConfig:
    inner = field.removeprefix("model.")
    changes = {field: value} if inner == field else {"model": replace(run.model, **{inner: value})}
    return replace(run, **changes)


def _numeric(config: RunConfig | ModelConfig, prefix: str = "") -> dict[str, type]:
    """The fields that one number is the value of, but for the seed, which every experiment varies."""
    found = {field.name: type(getattr(config, field.name)) for field in fields(config)}
    found |= {"subset_size": int} if isinstance(config, RunConfig) else {}
    return {prefix + name: kind for name, kind in found.items() if kind in (int, float) and name != "seed"}


def write(new: New) -> list[Path]:
    """Write the four files; none is written where one of them is there already."""
    kind = check(new)
    paths = {template: new.folder / path.format(name=new.name) for template, path in FILES.items()}
    for path in paths.values():
        taken = next((one for one in (path, path.with_suffix("")) if one.exists()), None)
        require(taken is None, "name", new.name, f"{taken} is there already")
        require(path.parent.is_dir(), "folder", str(new.folder), f"has no {path.parent.name}/ in it")
    inner = new.field.removeprefix("model.")
    values = tuple(map(kind, sorted(new.values)))
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
            plain=inner,
            type=kind.__name__,
            values=values,
            lengthens=new.lengthens,
            change=f"{inner}=value"
            if inner == new.field
            else f"model=replace(self.base.model, {inner}=value)",
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
