"""Looking up the members of a cluster in the domain name system."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.names import common, dns
from twisted.names.authority import FileAuthority
from twisted.names.error import AuthoritativeDomainError, DomainError
from twisted.trial.unittest import SynchronousTestCase

from txetcd.balance import Refreshed, dns_srv
from txetcd.reactive import Ok

NAME = "_etcd-client._tcp.example.com"


class Zone(FileAuthority):
    """A server's own knowledge of ``example.com``, which is in no file."""

    def __init__(self, records: dict[str, list[Any]]) -> None:
        common.ResolverBase.__init__(self)
        soa = dns.Record_SOA("ns.example.com", "root.example.com", serial=1)
        known: Any = self
        known.soa = b"example.com", soa
        known.records = {name.encode(): found for name, found in records.items()}
        known.records[b"example.com"] = [soa]


def srv(priority: int, target: str, port: int = 2379, weight: int = 0) -> dns.Record_SRV:
    # As bytes, or it would be checked here.
    return dns.Record_SRV(priority, weight, port, target.encode("latin-1"))


class LookupTests(SynchronousTestCase):
    def urls(self, *records: Any, name: str = NAME, **options: Any) -> list[str]:
        fetch = dns_srv("example.com", Zone({name: list(records)}), **options)
        found: Any = self.successResultOf(fetch())
        return sorted(found)

    def wrong(self, *records: Any) -> str:
        fetch = dns_srv("example.com", Zone({NAME: list(records)}))
        return str(self.failureResultOf(fetch(), ValueError).value)

    def test_each_record_is_a_url(self):
        found = self.urls(srv(0, "a.example.com"), srv(0, "b.example.com", 12379))
        self.assertEqual(found, ["http://a.example.com:2379", "http://b.example.com:12379"])

    def test_with_tls_another_name_is_asked_for_and_the_urls_say_so(self):
        found = self.urls(
            srv(0, "a.example.com"), name="_etcd-client-ssl._tcp.example.com", tls=True
        )
        self.assertEqual(found, ["https://a.example.com:2379"])

    def test_the_service_is_a_parameter(self):
        found = self.urls(srv(0, "a"), name="_etcd-proxy._tcp.example.com", service="etcd-proxy")
        self.assertEqual(found, ["http://a:2379"])

    def test_only_those_of_the_lowest_priority_number_count(self):
        found = self.urls(srv(20, "c"), srv(10, "a"), srv(10, "b", weight=50), srv(30, "d"))
        self.assertEqual(found, ["http://a:2379", "http://b:2379"])

    def test_a_dot_at_the_end_is_left_out(self):
        self.assertEqual(self.urls(srv(0, "a.example.com.")), ["http://a.example.com:2379"])
        fetch = dns_srv("example.com.", Zone({NAME: [srv(0, "a")]}))
        self.assertEqual(self.successResultOf(fetch()), ["http://a:2379"])

    def test_a_target_that_is_a_dot_says_that_there_is_no_service(self):
        for target in (".", ""):
            self.assertEqual(self.urls(srv(0, target, port=0)), [])

    def test_records_of_other_types_are_passed_over(self):
        found = self.urls(dns.Record_TXT(b"etcd"), srv(0, "a"))
        self.assertEqual(found, ["http://a:2379"])

        class Resolver:
            def lookupService(self, name):
                payloads: list[Any] = [dns.Record_CNAME(b"x"), srv(5, "a")]
                records = [dns.RRHeader(name, each.TYPE, payload=each) for each in payloads]
                return succeed((records, [], []))

        fetch = dns_srv("example.com", Resolver())
        self.assertEqual(self.successResultOf(fetch()), ["http://a:2379"])

    def test_a_target_that_is_no_host_is_an_error_that_names_it(self):
        for target in ("user@evil.example.com", "a/b", "a b", "a:80", "-a", "a-", "a..b", "é"):
            self.assertIn(repr(target), self.wrong(srv(0, "a"), srv(0, target)))

    def test_a_port_that_is_none_is_an_error_that_names_it(self):
        self.assertIn("0", self.wrong(srv(0, "a", port=0)))

    def test_a_lookup_that_fails_passes_its_failure_on(self):
        fetch = dns_srv("example.com", Zone({}))
        self.failureResultOf(fetch(), AuthoritativeDomainError)
        self.failureResultOf(dns_srv("example.org", Zone({}))(), DomainError)

    def test_cancelling_reaches_the_resolver(self):
        cancelled: list[Any] = []

        class Resolver:
            def lookupService(self, name):
                return Deferred(cancelled.append)

        answer = dns_srv("example.com", Resolver())()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(cancelled), 1)

    def test_it_is_what_a_refreshed_set_asks(self):
        clock = Clock()
        refreshed = Refreshed(dns_srv("example.com", Zone({NAME: [srv(0, "a")]})), clock)
        observation = refreshed.observe(lambda state: None)
        self.assertEqual(refreshed.state, Ok(("http://a:2379",)))
        self.successResultOf(observation.close())
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_it_tells_what_it_asks(self):
        self.assertEqual(repr(dns_srv("example.com", Zone({}))), f"<dns_srv {NAME}>")


class ArgumentTests(SynchronousTestCase):
    def test_a_domain_that_is_no_name_is_refused(self):
        long = [".".join(["x"] * 130), "x" * 64]
        for domain in (
            "", ".", "a..b", "a b", "example.com..", "http://example.com", "exämple.com", *long
        ):
            error = self.assertRaises(ValueError, dns_srv, domain, Zone({}))
            self.assertIn("no name in the domain name system", str(error))

    def test_so_is_a_service_that_makes_none(self):
        for service in ("a b", "x" * 63, "-."):
            self.assertRaises(ValueError, dns_srv, "example.com", Zone({}), service=service)
