"""B17: in fine-tuning a large batch can be the better one."""

from functools import partial

from analysis.claims._batch import POSTS, table
from analysis.claims._claim import Claim, Part
from analysis.fine_tuning import larger_over_smallest


def _final_loss(start: str):
    return table("fine_tuning", partial(larger_over_smallest, start=start))


B17 = (
    Claim(
        id="B17",
        sentence=(
            "In fine-tuning a large batch can be the better one: after training on half of the classes a "
            "larger batch ends at a lower test loss on all of them, each batch size at its best rate."
        ),
        source=POSTS,
        needs=("fine_tuning",),
        parts=(
            Part(
                "fine-tuned: final test loss, best larger batch over the smallest (log ratio)",
                _final_loss("tuned"),
                high=0,
                reason="lower; the best of the larger ones, since the statement says that it can be",
            ),
            Part(
                "from scratch: final test loss, best larger batch over the smallest (log ratio)",
                _final_loss("scratch"),
                reason="the control: whether it is fine-tuning that makes the difference",
            ),
        ),
        note=(
            "At equal epochs. Batch norm has the smallest batch's number of images in all: advantages of a "
            "large batch that come through its statistics are not counted."
        ),
    ),
)

CLAIMS = B17
