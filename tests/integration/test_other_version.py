"""The same tests once more, on an etcd of another version, where this machine has one."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import Any

from twisted.trial.unittest import SkipTest

from tests.integration import test_etcd_v2, test_keys_api
from tests.realserver import RealServerTestCase, SharedServer, require_etcd
from txetcd.testing import EtcdProcess
from txetcd.testing._server import Server, Settings, unique_name


def version_of(program: str) -> str:
    """The first line of what a program says to ``--version``."""
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    return said.stdout.partition("\n")[0]


@cache
def other_etcd() -> str | None:
    """An etcd on the ``PATH`` whose version is not that of the one that is tested first."""
    tested = version_of(require_etcd())
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder, "etcd")
        if os.access(program, os.X_OK) and version_of(program) != tested:
            return program
    return None


class OtherServer(SharedServer):
    """The one server of this process that has the other version."""

    def __init__(self, binary: str) -> None:
        self._server = Server(Settings(name=unique_name("other"), binary=binary))


@cache
def other_server() -> OtherServer:
    program = other_etcd()
    assert program is not None
    return OtherServer(program)


class Other(RealServerTestCase):
    """Puts the other server in the place of the first."""

    def setUp(self) -> None:
        require_etcd()
        if other_etcd() is None:
            raise SkipTest("there is no etcd of another version on the PATH")
        super().setUp()

    @property
    def etcd_url(self) -> str:
        return other_server().url()

    async def server(self, **options: Any) -> EtcdProcess:
        return await super().server(binary=other_etcd(), **options)

    async def test_it_has_another_version(self):
        version = (await self.client().version()).server
        self.assertIn(version, version_of(other_etcd() or ""))
        self.assertNotIn(version, version_of(require_etcd()))


class WatchTests(Other, test_etcd_v2.WatchTests):
    pass


class RequestTests(Other, test_etcd_v2.RequestTests):
    pass


class GetTests(Other, test_keys_api.GetTests):
    pass


class SetTests(Other, test_keys_api.SetTests):
    pass


class CreateTests(Other, test_keys_api.CreateTests):
    pass


class CompareTests(Other, test_keys_api.CompareTests):
    pass


class DeleteTests(Other, test_keys_api.DeleteTests):
    pass


class RefreshTests(Other, test_keys_api.RefreshTests):
    pass
