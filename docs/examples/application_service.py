"""A Twisted application that follows a directory of etcd for as long as it runs.

Usage: python application_service.py [ENDPOINT]
   or: ETCDCTL_ENDPOINTS=ENDPOINT twistd --nodaemon --python application_service.py
"""

import os
import sys

from twisted.application import app, service
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from txetcd import connect


class Follower(service.Service):
    """Connects when it is started, and has closed all when it has stopped."""

    log = Logger()

    def __init__(self, reactor, endpoints, path):
        self.reactor = reactor
        self.endpoints = endpoints
        self.path = path

    def startService(self):
        super().startService()
        self.etcd = connect(self.endpoints, reactor=self.reactor)
        events = self.etcd.key(self.path).events(recursive=True)
        self.registration = events.register(self.told)

    def stopService(self):
        super().stopService()
        return Deferred.fromCoroutine(self.disconnect())

    async def disconnect(self):
        await self.registration.close()
        await self.etcd.close()
        self.log.info("disconnected")

    def told(self, result):
        if isinstance(result, Failure):
            self.log.warn("{error}", error=result.value)
        else:
            self.log.info("{op.action.value} {op.node.key}", op=result)


def make_application(endpoints):
    application = service.Application("follower")
    Follower(reactor, endpoints, "/example/application").setServiceParent(application)
    return application


default = os.environ.get("ETCDCTL_ENDPOINTS", "http://127.0.0.1:2379")

if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    app.startApplication(make_application(*sys.argv[1:] or [default]), save=False)
    reactor.run()
else:
    # What twistd looks for.
    application = make_application(default)
