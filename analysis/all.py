"""Every figure that there are records for; the records that claims need are collected with them.

python -m analysis.all                                     from results/ to results/figures/, every label
python -m analysis.all --redraw --figures paper_figures    the published ones again, from their own records
"""

from analysis import _drawing, claims, discover

if __name__ == "__main__":
    needed = {name: None for claim in claims.discover() for name in claim.needs}
    _drawing.main(needed | {name: module.draw for name, module in discover().items()}, __doc__)
