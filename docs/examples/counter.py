"""Count up together: many writers, one key, and no increment lost.

Usage: python counter.py [ENDPOINT]
"""

import sys

from twisted.internet import task
from twisted.internet.defer import Deferred, gatherResults

from txetcd import TestFailed, connect


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor)
    try:
        counter = etcd.key("/example/counter")
        await counter.set("0")
        writers = [count_up(counter, times=5) for _ in range(4)]
        await gatherResults(map(Deferred.fromCoroutine, writers))
        op = await counter.get(quorum=True)
        print(f"4 writers counted up 5 times each: {op.node.text}")
        await counter.delete()
    finally:
        await etcd.close()


async def count_up(counter, times):
    for _ in range(times):
        await increment(counter)


async def increment(counter):
    """Read, add one, and write if nobody else has written in between; else again."""
    while True:
        node = (await counter.get(quorum=True)).node
        try:
            await counter.compare_and_swap(
                str(int(node.text) + 1), prev_index=node.modified_index
            )
            return
        except TestFailed:
            pass


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
