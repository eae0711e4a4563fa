"""A write whose outcome is unknown, and how to find out.

A proxy that cuts connections stands in for a bad network.

Usage: python ambiguous_write.py [ENDPOINT]
"""

import sys

from twisted.internet import task

from txetcd import AmbiguousWrite, TestFailed, connect
from txetcd.testing import FaultProxy


async def swap(key, value, prev_index, retries=4):
    """Compare and swap, and find out whether it was done.

    Nobody else may write the same value: put a name or a random number in it.

    Returns:
        True if the swap was done; False if the key has been changed by somebody else,
        instead of this swap or after it.
    """
    try:
        await key.compare_and_swap(value, prev_index=prev_index)
        return True
    except AmbiguousWrite:
        if not retries:
            raise
        return await swap(key, value, prev_index, retries - 1)
    except TestFailed:
        op = await key.get(quorum=True)
        return op.node.text == value


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    proxy = await FaultProxy(endpoint, reactor).start()
    etcd = connect(proxy.url, reactor=reactor)
    try:
        await show(etcd.key("/example/ambiguous"), proxy)
    finally:
        await etcd.close()
        await proxy.stop()


async def show(page, proxy):
    proxy.cut_after_request(method="PUT")
    try:
        await page.set("a draft")
    except AmbiguousWrite:
        print("set: nobody knows")

    op = await page.get(quorum=True)
    print(f"read back: {op.node.text!r}")

    proxy.cut_after_request(method="PUT")
    done = await swap(page, "a text, by Ada", prev_index=op.node.modified_index)
    print(f"swapped: {done}")

    done = await swap(page, "a text, by Grace", prev_index=op.node.modified_index)
    print(f"swapped again, with an old index: {done}")
    await page.delete()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
