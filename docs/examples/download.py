"""Save what a server sends in a file, however large it is and however slow the disk.

The body is written by a thread, and while that is busy no more of it is read: the server has to
wait, and the memory that is needed stays small.

Usage: python download.py [ENDPOINT [FILE]]
"""

import os
import sys

from treq.client import HTTPClient
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread
from twisted.web.client import ResponseDone

from txetcd import connect
from txetcd.http import Agent


class Saving(Protocol):
    """Writes a body into a file; ``done`` fires at its end, or fails."""

    def __init__(self, file):
        self.file = file
        self.done = Deferred()

    def dataReceived(self, data):
        # Until it is resumed, nothing more is told, not even the end.
        self.transport.pauseProducing()
        deferToThread(self.file.write, data).addCallbacks(self.written, self.failed)

    def written(self, _):
        self.transport.resumeProducing()

    def failed(self, failure):
        self.done.errback(failure)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        if self.done.called:
            return
        if reason.check(ResponseDone):
            self.done.callback(None)
        else:
            self.done.errback(reason)


async def save(client, url, path):
    response = await client.get(url, unbuffered=True)
    with open(path, "wb") as file:
        saving = Saving(file)
        response.deliverBody(saving)
        await saving.done


async def main(reactor, endpoint="http://127.0.0.1:2379", path="download.json"):
    etcd = connect(endpoint, reactor=reactor)
    agent = Agent(reactor)
    try:
        directory = etcd.key("/example/download")
        for number in range(20):
            await directory.key(str(number)).set("x" * 500_000)
        await save(HTTPClient(agent), f"{endpoint}/v2/keys{directory.path}", path)
        print(f"saved {os.path.getsize(path) // 1_000_000} MB")
        await directory.delete(recursive=True)
    finally:
        await agent.close()
        await etcd.close()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
