"""Keep a dictionary in step with a directory of etcd, until interrupted.

Usage: python watch_config.py [ENDPOINT]
"""

import sys

from twisted.internet import task

from txetcd import Data, ServiceClosed, connect


async def main(reactor, endpoint="http://127.0.0.1:2379"):
    etcd = connect(endpoint, reactor=reactor)
    reactor.addSystemEventTrigger("before", "shutdown", etcd.close)
    config = {}
    try:
        async for op in etcd.key("/example/config").events(recursive=True):
            follow(config, op)
            print(f"{op.action.value}: {config}", flush=True)
    except ServiceClosed:
        print("closed")


def follow(config, op):
    """Bring a dictionary up to date: what is at or below the node is replaced."""
    changed = op.node.key.rstrip("/")
    for key in list(config):
        if key == changed or key.startswith(changed + "/"):
            del config[key]
    if not op.action.removes:
        config.update(values(op.node))


def values(node):
    """All values at or below a node, by key."""
    if isinstance(node, Data):
        return {node.key: node.text}
    return {key: text for child in node.nodes for key, text in values(child).items()}


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
