"""A client of a service that has nothing to do with etcd: prices, from three servers, over treq.

One of the servers is well, one is overloaded and says so, and one is stuck.  The client has a
hundred prices to ask for, and gets all of them.

Usage: python quotes.py
"""

import json
import sys

import attrs
from treq.client import HTTPClient
from twisted.internet import task
from twisted.internet.defer import gatherResults
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from txetcd import Filter, UnexpectedResponse
from txetcd.balance import Balancer
from txetcd.filters import (
    ConcurrencyLimit,
    Deadline,
    FailureAccrual,
    InMemoryStats,
    Retry,
    SingleFlight,
    Stats,
    Timeout,
    deadline,
    unreachable,
)
from txetcd.http import Agent, Request, TreqService, classify_response

# --- the protocol: a filter from questions to prices ------------------------------


@attrs.frozen
class Ask:
    """What is asked for.  ``is_write`` tells the filters that it may be asked for twice."""

    symbol: str
    is_write = False
    name = "ask"


class Quotes(Filter):
    async def apply(self, ask, service):
        response = await service(Request("GET", f"/quotes/{ask.symbol}"))
        if response.status != 200:
            raise UnexpectedResponse(response.status, response.body, "no price")
        return json.loads(response.body)["price"]


# --- the client: filters, a balancer, and for each server filters and treq --------


def client(reactor, http, urls, stats):
    def server(url):
        return (
            Stats(
                stats,
                reactor,
                prefix="endpoint_",
                labels={"endpoint": url},
                classifier=classify_response,
            )
            >> FailureAccrual(reactor, at_once=unreachable, classifier=classify_response)
            >> ConcurrencyLimit(20)
            >> Timeout(0.5, reactor)
            >> TreqService(http, url)
        )

    return (
        Stats(stats, reactor)
        >> Deadline(5.0, reactor)
        >> SingleFlight(key=lambda ask: ask.symbol)
        >> Retry(reactor)
        >> Quotes()
        >> Balancer(urls, server)
    )


# --- three servers -----------------------------------------------------------------


class Prices(Resource):
    isLeaf = True
    asked = 0

    def render_GET(self, request):
        self.asked += 1
        return json.dumps({"price": len(request.path)}).encode()


class Overloaded(Prices):
    def render_GET(self, request):
        self.asked += 1
        request.setResponseCode(503)
        return b"too busy"


class Stuck(Prices):
    def render_GET(self, request):
        self.asked += 1
        request.notifyFinish().addErrback(lambda _: None)
        return NOT_DONE_YET


async def main(reactor, *_):
    servers = [Prices(), Overloaded(), Stuck()]
    ports = [reactor.listenTCP(0, Site(each), interface="127.0.0.1") for each in servers]
    urls = [f"http://127.0.0.1:{port.getHost().port}" for port in ports]
    agent = Agent(reactor)
    stats = InMemoryStats()
    quotes = client(reactor, HTTPClient(agent), urls, stats)

    asks = [Ask(f"S{number}") for number in range(100)]
    with deadline(4.0):
        prices = await gatherResults([quotes(ask) for ask in asks])

    well, overloaded, stuck = (server.asked for server in servers)
    print(f"{len(prices)} prices, the first is {prices[0]}")
    print("all from the server that is well:", well == 100)
    print("left alone soon enough:", overloaded + stuck < 100)

    await quotes.close()
    await agent.close()
    for port in ports:
        await port.stopListening()


if __name__ == "__main__":
    task.react(main, sys.argv[1:])
