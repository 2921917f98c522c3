"""Every figure that there are records for.

python -m analysis.all                 from results/, every label
python -m analysis.all --redraw        from the published records in paper_figures/, in seconds
"""

from analysis import _publish, discover

if __name__ == "__main__":
    _publish.main({name: module.draw for name, module in discover().items()}, __doc__)
