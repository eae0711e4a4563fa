"""Configuration that is reloaded while the program runs, from a directory of etcd.

Usage: python live_config.py [ENDPOINT]

Change it from another terminal:
    txetcd set /example/config/workers 8
"""

import sys

import attrs
from twisted.internet import task
from twisted.internet.defer import Deferred

from txetcd import connect
from txetcd.reactive import Failed, Ok


@attrs.frozen
class Config:
    """What can be configured, and what holds where nothing is."""

    greeting: str = "hello"
    workers: int = attrs.field(default=2, converter=int)

    @classmethod
    def of(cls, tree):
        """What a tree says; a name that is not known here is passed over."""
        names = [field.name for field in attrs.fields(cls) if field.name in tree]
        return cls(**{name: tree[name].text for name in names})


class Program:
    """What is configured; this one only says so."""

    def __init__(self, watched):
        self.config = Config()
        self.tree = None
        configs = watched.map(Config.of)
        watched.observe(self.changed)
        configs.observe(self.refused)
        # The last that was good, whatever came after it.
        configs.stabilize().dedup().observe(self.configured)
        watched.freshness.map(lambda now: now.contact.value).dedup().observe(say)

    def changed(self, state):
        if isinstance(state, Ok):
            older, self.tree = self.tree, state.value
            if older is not None:
                report(self.tree.diff(older))

    def refused(self, state):
        if isinstance(state, Failed) and state.failure.check(ValueError):
            say(f"left as it was: {state.failure.value}")

    def configured(self, state):
        if isinstance(state, Ok):
            self.config = state.value
            say(self.config)


def report(diff):
    for path, node in diff.added.items():
        say(f"added {path}: {node.text}")
    for path, node in diff.changed.items():
        say(f"changed {path}: {node.text}")
    for path in diff.removed:
        say(f"removed {path}")


def say(words):
    print(words, flush=True)


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor)
    reactor.addSystemEventTrigger("before", "shutdown", etcd.close)
    Program(etcd.key("/example/config").watch_tree())
    await Deferred()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
