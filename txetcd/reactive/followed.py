"""An activity, as a node."""

from __future__ import annotations

from typing import Any

from txetcd.reactive.closable import Closable
from txetcd.reactive.node import Change, Node
from txetcd.reactive.states import alike

__all__ = ["Followed"]


class Followed(Node[Any]):
    """The states of something that has a state and can be observed.

    Args:
        activity: Observed while this is.
    """

    def __init__(self, activity: Any) -> None:
        super().__init__()
        self._activity = activity
        self._observation: Closable | None = None
        self._change: Change[Any] | None = None
        # Whether the state was asked for before it was told.
        self._ahead = False

    def now(self) -> Change[Any]:
        state = self._activity.state
        if not self._observers:
            return Change(state)
        if self._change is None or not alike(self._change.value, state):
            self._change, self._ahead = Change(state), True
        return self._change

    def _begin(self) -> None:
        self._observation = self._activity.observe(self._heard)

    def _heard(self, state: Any) -> None:
        if self._change is None:
            # What is told first is no change.
            self._change = Change(state)
            return
        if not (self._ahead and alike(self._change.value, state)):
            self._change = Change(state)
        self._ahead = False
        self._tell(self._change)

    def _rest(self) -> None:
        observation, self._observation, self._change = self._observation, None, None
        self._ahead = False
        if observation is not None:
            observation.close()
