"""Write a key, read it, and change it only if it is as expected.

Usage: python react_example.py [ENDPOINT]
"""

import sys

from twisted.internet import task

from txetcd import KeyNotFound, TestFailed, connect


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor)
    try:
        await greet(etcd.key("/example/react"))
    finally:
        await etcd.close()


async def greet(example):
    greeting = example / "greeting"

    await greeting.set("hello")
    op = await greeting.get()
    print(f"{op.node.key} is {op.node.text!r}")

    swapped = await greeting.compare_and_swap("good day", prev_value="hello")
    before, after = swapped.prev_node, swapped.node
    print(f"{swapped.action.name}: {before.text!r} became {after.text!r}")

    try:
        await greeting.compare_and_swap("good night", prev_value="hello")
    except TestFailed as error:
        print(f"refused: {error.cause}")

    await example.delete(recursive=True)
    try:
        await greeting.get()
    except KeyNotFound:
        print(f"there is no {greeting.path} any more")


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
