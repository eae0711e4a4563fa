"""Who is there: processes that list themselves, see each other come and go, and share the work.

Usage: python membership.py NAME [ENDPOINT]

Start it several times, with a name each.  End one with Ctrl-C, and kill another.
"""

import sys

from treq.client import HTTPClient
from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred
from twisted.web.resource import Resource
from twisted.web.server import Site

from txetcd import KeyNotFound, Tree, TxetcdError, connect
from txetcd.balance import Balancer
from txetcd.filters import Retry
from txetcd.http import Agent, Request, TreqService

#: How long a process is listed that has died, in seconds.
TTL = 5


async def stay(reactor, key, url):
    """Be listed, for as long as this process lives."""
    listed = False
    while True:
        try:
            if listed:
                await key.refresh(TTL)
            else:
                await key.set(url, ttl=TTL)
                listed = True
        except KeyNotFound:
            # It was asleep, or cut off, and was taken for dead.
            listed = False
            continue
        except TxetcdError as error:
            # There are two more attempts before the lease ends.
            say(f"not renewed: {error}")
        await task.deferLater(reactor, TTL / 3)


async def follow(watched, members):
    """Say who comes and goes, and who does the work then."""
    older = Tree.of(watched.path, None, 0)
    async for tree in watched:
        diff, older = tree.diff(older), tree
        for name in diff.added:
            say(f"joined: {name}")
        for name in diff.removed:
            say(f"left: {name}")
        if tree:
            say(f"at work: {await at_work(members)}")


async def at_work(members):
    """Who answers to some requests, which a balancer sends to one or another."""
    try:
        answers = [await members(Request("GET", "/")) for _ in range(50)]
    except TxetcdError as error:
        return f"nobody, {error}"
    return ", ".join(sorted({answer.body.decode() for answer in answers}))


class Work(Resource):
    """What each of them does: it says its name."""

    isLeaf = True

    def __init__(self, name):
        super().__init__()
        self.name = name

    def render_GET(self, request):
        return self.name.encode()


async def main(reactor, name, endpoint="http://127.0.0.1:2379"):
    port = reactor.listenTCP(0, Site(Work(name)), interface="127.0.0.1")
    etcd = connect(endpoint, reactor=reactor)
    agent = Agent(reactor)
    http = HTTPClient(agent)

    directory = etcd.key("/example/members")
    watched = directory.watch_tree()
    urls = watched.map(lambda tree: [node.text for node in tree.values()])
    members = Retry(reactor) >> Balancer(urls, lambda url: TreqService(http, url))

    url = f"http://127.0.0.1:{port.getHost().port}"
    tasks = [
        Deferred.fromCoroutine(stay(reactor, directory / name, url)),
        Deferred.fromCoroutine(follow(watched, members)),
    ]

    async def leave():
        for each in tasks:
            each.addErrback(lambda failure: failure.trap(CancelledError))
            each.cancel()
        await (directory / name).delete()
        await members.close()
        await agent.close()
        await etcd.close()
        say("gone")

    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(leave()))
    await Deferred()


def say(words):
    print(words, flush=True)


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
