"""B16: a larger batch makes the training curve smoother."""

from functools import partial

from analysis.claims._batch import POSTS, table
from analysis.claims._claim import Claim, Part
from analysis.smoothness import exponents


def _power(kind: str, rule: str):
    return table("smoothness", partial(exponents, kind=kind, rule=rule))


B16 = (
    Claim(
        id="B16",
        sentence=(
            "At an unchanged learning rate a larger batch makes the curve of the training loss smoother, "
            "within an epoch and between epochs."
        ),
        source=POSTS,
        needs=("smoothness",),
        parts=(
            Part(
                "exponent of the batch size in the swing of a step's loss within an epoch, rate unchanged",
                _power("within", "none"),
                high=0,
                reason="smaller swings; independent images alone would make it -1/2",
            ),
            Part(
                "exponent of the batch size in the swing between epochs, rate unchanged",
                _power("between", "none"),
                high=0,
                reason="smaller swings",
            ),
            Part(
                "exponent of the batch size in the swing within an epoch, rate in proportion",
                _power("within", "linear"),
                reason="the statement is of an unchanged rate; here the step per example is the same instead",
            ),
            Part(
                "exponent of the batch size in the swing between epochs, rate in proportion",
                _power("between", "linear"),
                reason="the statement is of an unchanged rate; here the step per example is the same instead",
            ),
        ),
        note=(
            "In nats, over the second half of the epochs. At an unchanged rate a larger batch also takes a "
            "smaller step per example; the two parts without a rule leave that out."
        ),
    ),
)

CLAIMS = B16
