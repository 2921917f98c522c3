"""L10 and L4-statistics: what lasts of what a high factor costs.

The candidates of `docs/lasting.md`, each with an effect in which it would show. The rules were fixed before
there was any record of `lasting`.
"""

from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from analysis import averaging, lasting
from analysis.claims._claim import Claim, Evidence, Part

SOURCE = "a hypothesis of this project (docs/lasting.md): noise with a lasting effect"
SHARE = 0.5
"""What takes more than half of a cost away is what the cost is about; as in L1 to L8."""


def _table(evidence: Evidence) -> pd.DataFrame:
    return evidence.tables["lasting"]


def cost(evidence: Evidence, moment: str, network: lasting.Network = lasting.BATCH) -> pd.Series:
    """What the highest factor costs at a moment, nats."""
    return pd.Series(lasting.costs(_table(evidence), network).loc[moment])


def left(evidence: Evidence) -> pd.Series:
    """The cost at the end, less half of that after the first annealing; NaN where it cost nothing."""
    before = cost(evidence, "annealed")
    return (cost(evidence, "end") - SHARE * before).where(before > 0)


def lost_time(evidence: Evidence, network: lasting.Network = lasting.BATCH) -> pd.Series:
    """The highest factor's loss at the end, less the lowest's after its first annealing, nats."""
    return lasting.behind_lost_time(_table(evidence), network)


def leaky_behind_lost_time(evidence: Evidence) -> pd.Series:
    """That with leaky ReLU, less half of that with ReLU, nats."""
    return lost_time(evidence, lasting.LEAKY) - SHARE * lost_time(evidence)


def longer(evidence: Evidence, network: lasting.Network = lasting.BATCH) -> pd.Series:
    """Doublings of the weights' length from the lowest factor to the highest, before annealing."""
    return lasting.difference(lasting.lengths(_table(evidence), network))


def shorter_updates(evidence: Evidence) -> pd.Series:
    """Doublings of the relative update in the second half, at equal rates, from the lowest to the highest."""
    return lasting.difference(lasting.relative_updates(_table(evidence)))


def left_when_changed(evidence: Evidence, change: str, moment: str) -> pd.Series:
    """The cost at the end of runs changed at a moment, less half of that of others, nats."""
    found = lasting.changed(_table(evidence), moment)
    return (found.loc[change] - SHARE * found.loc["own"]).where(found.loc["own"] > 0)


def beyond(
    evidence: Evidence,
    change: str,
    other: str,
    which: Literal["lowest", "highest"],
    other_at: Literal["lowest", "highest"] | None = None,
) -> pd.Series:
    """The loss at the end of a factor's runs changed after annealing, less that of others, nats.

    Args:
        change: `own`: none.
        other: change of the others.
        other_at: factor of the others; None: the same.
    """
    table = _table(evidence)
    found = lasting.at(lasting.ended(table, change), table, which)
    return found - lasting.at(lasting.ended(table, other), table, other_at or which)


def stay_dead(evidence: Evidence) -> pd.Series:
    """Of the units that were killed, the share that is dead at the end."""
    table = _table(evidence)
    return lasting.at(lasting.ended(table, "killed", metric="changed_dead"), table, "lowest")


def more_dead(evidence: Evidence) -> pd.Series:
    """The share of dead units at the end, highest factor's less lowest's."""
    return lasting.difference(lasting.dead(_table(evidence), lasting.BATCH, "end"))


def beside(evidence: Evidence, moment: str, share: float = 1) -> pd.DataFrame:
    """Losses with leaky ReLU less a share of those with ReLU, nats: rows factors, columns seeds."""
    leaky, relu = (
        lasting.losses(_table(evidence), network, moment) for network in (lasting.LEAKY, lasting.BATCH)
    )
    return (leaky - share * relu).sort_index()


def leaky_cost(evidence: Evidence, moment: str, share: float) -> pd.Series:
    """The cost at a moment with leaky ReLU, less a share of that with ReLU, nats.

    Each is against its own network's lowest factor.
    """
    return lasting.difference(beside(evidence, moment, share))


def leaky_at_lowest(evidence: Evidence, moment: str) -> pd.Series:
    """The lowest factor's loss with leaky ReLU, less that with ReLU, nats."""
    found = beside(evidence, moment)
    return pd.Series(np.nan, found.columns) if found.empty else pd.Series(found.iloc[0])


def lag(evidence: Evidence) -> pd.Series:
    """What statistics that are behind the last weights cost at the highest factor, nats."""
    return averaging.lag(evidence.tables["averaging"], evidence.chance)


CLAIMS = (
    Claim(
        id="L4-statistics",
        sentence="What batch norm's running statistics, which are behind the weights, cost at the highest "
        "factor.",
        source="a rival of L4 (docs/battery.md)",
        needs=("averaging",),
        parts=(
            Part(
                "loss of the last weights with running statistics, less that with statistics anew (nats)",
                lag,
                reason="nothing is predicted; it is no cost of the weights",
            ),
        ),
    ),
    Claim(
        id="L10-lasts",
        sentence="Of what annealing leaves of a high factor's cost, more than half is there after as many "
        "epochs again at factor 1's rates.",
        source=SOURCE,
        needs=("lasting",),
        parts=(
            Part(
                "cost of the highest factor at the end, less half of that after the first annealing (nats)",
                left,
                low=0,
                reason="more than half lasts",
            ),
        ),
    ),
    Claim(
        id="L10-time",
        sentence="A high factor's epochs are lost and no more: with as many at factor 1's rates after them, "
        "the loss is that of a run that had these alone, or lower.",
        source="the rival: what noise hides wants more updates, and nothing was damaged",
        needs=("lasting",),
        parts=(
            Part(
                "highest factor's loss at the end, less the lowest's after its first annealing (nats)",
                lost_time,
                high=0,
                reason="0: as if the first half had not been",
            ),
        ),
    ),
    Claim(
        id="L10-length",
        sentence="What lasts is the weights' length: it grows with the factor, makes updates shorter beside "
        "it at equal rates, and without it more than half of the cost is gone.",
        source=SOURCE,
        needs=("lasting",),
        parts=(
            Part(
                "length of the weights at the peak, highest factor's over lowest's (doublings)",
                longer,
                low=0,
                reason="longer, by however little",
            ),
            Part(
                "update over weights in the second half, highest factor's over lowest's (doublings)",
                shorter_updates,
                high=0,
                reason="shorter, by however little",
            ),
            Part(
                "cost at the end, weights scaled back before annealing, less half of that without (nats)",
                partial(left_when_changed, change="initial_lengths", moment="peak"),
                high=0,
                reason="more than half is gone",
            ),
        ),
    ),
    Claim(
        id="L10-norm",
        sentence="What a high factor costs at the end in networks of other norms, or of none.",
        source=SOURCE,
        needs=("lasting",),
        parts=tuple(
            Part(
                f"cost of the highest factor at the end, norm {norm} (nats)",
                partial(cost, moment="end", network=(norm, "relu")),
                reason="nothing is predicted",
            )
            for norm in ("batch", "group", "none")
        ),
    ),
    Claim(
        id="L10-dead",
        sentence="More units are dead at the end of a run that began with a high factor.",
        source=SOURCE,
        needs=("lasting",),
        parts=(
            Part(
                "share of dead units at the end, highest factor's less lowest's",
                more_dead,
                low=0,
                reason="more, by however little",
            ),
        ),
        note="That they die would not show that this is what it costs.",
    ),
    Claim(
        id="L10-revived",
        sentence="What lasts is dead units: where they are revived before annealing, more than half of the "
        "cost is gone.",
        source=f"{SOURCE}; fixed after L10-dead was found to hold, before any record of it",
        needs=("lasting",),
        parts=(
            Part(
                "cost at the end, dead units revived before annealing, less half of that without (nats)",
                partial(left_when_changed, change="revived", moment="peak"),
                high=0,
                reason="more than half is gone",
            ),
        ),
    ),
    *(
        Claim(
            id=f"L10-{name}-late",
            sentence=f"What lasts is {what}: where {done} after annealing, before training goes on, more "
            "than half of the cost is gone.",
            source=f"{SOURCE}; fixed after L10-{name} was asked, before any record of it",
            needs=("lasting",),
            parts=(
                Part(
                    f"cost at the end, {done} after annealing, less half of that without (nats)",
                    partial(left_when_changed, change=change, moment="annealed"),
                    high=0,
                    reason="more than half is gone",
                ),
            ),
        )
        for name, change, what, done in (
            ("length", "initial_lengths", "the weights' length", "kernels are scaled back"),
            ("revived", "revived", "dead units", "dead units are revived"),
        )
    ),
    Claim(
        id="L10-leaky",
        sentence="With units that cannot die (leaky ReLU) less than half is left of what a high factor costs "
        "for good.",
        source=f"{SOURCE}; fixed after the records with ReLU were seen, before any with leaky ReLU",
        needs=("lasting",),
        parts=(
            Part(
                "cost of the highest factor at the end, leaky ReLU, less half of that with ReLU (nats)",
                partial(leaky_cost, moment="end", share=SHARE),
                high=0,
                reason="less than half is left",
            ),
            Part(
                "cost of the highest factor at the end, ReLU (nats)",
                partial(cost, moment="end"),
                low=0,
                reason="else there is nothing to be half of",
            ),
            *(
                Part(
                    f"cost of the highest factor {when}, leaky ReLU, less that with ReLU (nats)",
                    partial(leaky_cost, moment=moment, share=1),
                    reason="whether the high rate itself costs as much; nothing is predicted",
                )
                for moment, when in (("peak", "before annealing"), ("annealed", "after annealing"))
            ),
            Part(
                "cost of the highest factor at the end, leaky ReLU (nats)",
                partial(cost, moment="end", network=lasting.LEAKY),
                reason="what is left, of whatever cause; nothing is predicted",
            ),
            Part(
                "loss of the lowest factor at the end, leaky ReLU less ReLU (nats)",
                partial(leaky_at_lowest, moment="end"),
                reason="what the activation changes where no unit dies; nothing is predicted",
            ),
            Part(
                "length of the weights at the peak, highest factor's over lowest's, leaky ReLU (doublings)",
                partial(longer, network=lasting.LEAKY),
                reason="whether weights grow as with ReLU (L10-length); nothing is predicted",
            ),
        ),
        note="Supported, it speaks against all that is in both networks alike: time that is lost, running "
        "statistics, longer weights where they grow as much. It does not exclude that leaky ReLU makes the "
        "high rate itself milder, by another loss surface or other noise of the gradient: then the costs "
        "before and after annealing, stated beside, are lower too.",
    ),
    Claim(
        id="L10-leaky-time",
        sentence="What a high factor costs beyond lost time with units that cannot die (leaky ReLU).",
        source=SOURCE,
        needs=("lasting",),
        parts=(
            Part(
                "highest factor's loss at the end, less the lowest's after its first annealing, leaky ReLU "
                "(nats)",
                partial(lost_time, network=lasting.LEAKY),
                reason="thought of after the records were seen",
            ),
            Part(
                "the same, less half of that with ReLU (nats)",
                leaky_behind_lost_time,
                reason="thought of after the records were seen",
            ),
        ),
        note="Below half of that with ReLU on seeds 0 to 4: seeds 5 to 9 were asked next.",
    ),
    *(
        Claim(
            id=name,
            sentence="It is not that units are reset, but that dead ones are: with as many live units "
            f"{of} reset after annealing, more than half of the cost is left.",
            source=f"{SOURCE}; fixed after {after}, before any record of it",
            needs=("lasting",),
            parts=(
                Part(
                    f"cost at the end, live units {of} reset after annealing, at the lowest factor as many, "
                    "less half of that without (nats)",
                    partial(left_when_changed, change=change, moment="annealed"),
                    low=0,
                    reason="if it is dead units, all is left; if any reset does it, a quarter",
                ),
                Part(
                    f"highest factor's loss at the end, live units {of} reset, less that with dead ones "
                    "revived (nats)",
                    partial(beyond, change=change, other="revived", which="highest"),
                    low=0,
                    reason="the dead ones give back more, by however little",
                ),
                *(
                    Part(
                        f"{which} factor's loss at the end, live units {of} reset, less its own (nats)",
                        partial(beyond, change=change, other="own", which=which),
                        reason="what a reset does by itself; nothing is predicted",
                    )
                    for which in ("highest", "lowest")
                ),
            ),
            note="Where there are fewer live units than dead ones, all of them are reset.",
        )
        for name, change, of, after in (
            ("L10-sham", "reset_live", "of the same norms", "L10-revived-late was seen to hold"),
            (
                "L10-sham-anywhere",
                "reset_live_anywhere",
                "of any norms",
                "L10-sham was found to have 5 to 11 units to reset for 37 to 42 dead ones, whose norms are "
                "all but dead",
            ),
        )
    ),
    Claim(
        id="L10-killed",
        sentence="Dead units suffice: where those that the highest factor kills are killed in the lowest "
        "factor's network after annealing, it costs at least half of what the highest factor costs for good.",
        source=f"{SOURCE}; fixed after L10-revived-late was seen to hold, before any record of it",
        needs=("lasting",),
        parts=(
            Part(
                "lowest factor's loss at the end, units killed, less its own, less half of the highest "
                "factor's cost (nats)",
                partial(left_when_changed, change="killed", moment="annealed"),
                low=0,
                reason="if it is dead units, about all of it; if they only go with it, little: training as "
                "long again makes up for them",
            ),
            Part(
                "lowest factor's loss at the end, units killed, less that with as many reset (nats)",
                partial(beyond, change="killed", other="reset_live", which="lowest"),
                low=0,
                reason="what costs is that they are gone, and not the blow to what was learned",
            ),
            Part(
                "of the units killed, the share that is dead at the end",
                stay_dead,
                low=0.9,
                reason="else they were not dead for good; all, as none has a gradient",
            ),
            Part(
                "lowest factor's loss at the end, units killed, less the highest factor's own (nats)",
                partial(beyond, change="killed", other="own", which="lowest", other_at="highest"),
                reason="0, if dead units were all of it; nothing is predicted",
            ),
        ),
        note="It says that so many dead units would cost so much, wherever they come from: not that reviving "
        "them would bring it back.",
    ),
    Claim(
        id="L10-restarted",
        sentence="How a revived network does beside one that is begun anew at the same moment, with the same "
        "batches and rates left.",
        source="a rival of L10-revived-late: what reviving gives back, a new network has as well",
        needs=("lasting",),
        parts=(
            Part(
                "loss at the end, begun anew, less that of the lowest factor (nats)",
                partial(beyond, change="restarted", other="own", which="highest", other_at="lowest"),
                reason="the time that is lost, and no more; nothing is predicted",
            ),
            Part(
                "highest factor's loss at the end, dead units revived, less that begun anew (nats)",
                partial(beyond, change="revived", other="restarted", which="highest"),
                reason="below 0 if there is something left to revive; nothing is predicted",
            ),
            Part(
                "highest factor's loss at the end as it is, less that begun anew (nats)",
                partial(beyond, change="own", other="restarted", which="highest"),
                reason="above 0 if its epochs are worth less than none; nothing is predicted",
            ),
        ),
    ),
    Claim(
        id="L10-killed-anew",
        sentence="Dead units and lost time suffice: a network that is begun anew without the units that the "
        "highest factor killed has more than half of what the highest factor costs for good.",
        source=f"{SOURCE}; fixed after L10-killed and L10-restarted were seen, before any record of it",
        needs=("lasting",),
        parts=(
            Part(
                "loss at the end, begun anew with the units killed, less the lowest factor's, less half of "
                "the highest factor's cost (nats)",
                partial(left_when_changed, change="restarted_killed", moment="annealed"),
                low=0,
                reason="all of it, if nothing else lasts; an eighth, if it is lost time alone",
            ),
            Part(
                "loss at the end, begun anew with the units killed, less that begun anew whole (nats)",
                partial(beyond, change="restarted_killed", other="restarted", which="highest"),
                low=0,
                reason="what these units are worth where nothing was learned before",
            ),
            Part(
                "highest factor's loss at the end, less that begun anew with the units killed (nats)",
                partial(beyond, change="own", other="restarted_killed", which="highest"),
                reason="what else lasts, if above 0; nothing is predicted",
            ),
        ),
    ),
)
