"""Values that arrive over time, and those who are told of them.

An `Event` is a source of occurrences: whoever registers a witness with it is told of
each.  A `Varying` is a value that is always there and changes; a `Var` is one that is set.  An
`Activity` is one that may not be there yet, or not be had.  The terms are those of
twitter-util (``com.twitter.util.Event``, ``Var`` and ``Activity``).
"""

from txetcd.reactive.activity import Activity
from txetcd.reactive.closable import Closable
from txetcd.reactive.event import Event
from txetcd.reactive.source import Source
from txetcd.reactive.states import Failed, Ok, Pending
from txetcd.reactive.turns import Missed
from txetcd.reactive.var import Var
from txetcd.reactive.varying import Varying
from txetcd.reactive.witness import Witness

__all__ = [
    "Activity",
    "Closable",
    "Event",
    "Failed",
    "Missed",
    "Ok",
    "Pending",
    "Source",
    "Var",
    "Varying",
    "Witness",
]
