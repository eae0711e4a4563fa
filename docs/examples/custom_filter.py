"""Put a filter of your own at every place of the default stacks, and see it work.

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


def everywhere(stack, url=None):
    """A stack with a Trace below each of its filters; that of an endpoint comes with its URL."""
    for role in stack.roles:
        stack = stack.insert_after(role, f"below {role}", Trace(f"below {role}"))
    return stack


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor, stack=everywhere, endpoint_stack=everywhere)
    try:
        await etcd.key("/example/filter").set("traced")
    finally:
        await etcd.close()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
