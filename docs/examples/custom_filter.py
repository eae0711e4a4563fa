"""Put a filter of your own at every place of the default stack, and see it work.

Usage: python custom_filter.py [ENDPOINT]
"""

import sys

from twisted.internet import task

from txetcd import Filter, connect


class Trace(Filter):
    """Prints each request on its way down, and what came back up."""

    def __init__(self, place):
        self.place = place

    async def apply(self, request, service):
        print(f"{self.place} > {request}")
        response = await service(request)
        print(f"{self.place} < {type(response).__name__}")
        return response


def everywhere(stack):
    """The stack with a Trace above and below each of its filters."""
    for role in stack.roles:
        stack = stack.insert_after(role, f"below {role}", Trace(f"below {role}"))
    return stack.prepend("top", Trace("top"))


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor, stack=everywhere)
    try:
        await etcd.key("/example/filter").set("traced")
    finally:
        await etcd.close()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
