"""PrometheusStats: the text that Prometheus reads, and receivers that share a registry."""

from __future__ import annotations

import gc
import importlib.util
import math
import subprocess
import sys
import weakref
from unittest import mock

from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, Service
from txetcd.filters import prometheus
from txetcd.filters.prometheus import BUCKETS, PrometheusStats
from txetcd.filters.stats import Stats
from txetcd.model import Get


class Case(SynchronousTestCase):
    def setUp(self):
        self.registry = CollectorRegistry()
        self.stats = PrometheusStats(self.registry)

    def text(self) -> list[str]:
        """What Prometheus reads, without the times at which series began."""
        lines = generate_latest(self.registry).decode().splitlines()
        return [line for line in lines if "_created" not in line]


class TextTests(Case):
    def test_a_counter_ends_with_total(self):
        counter = self.stats.counter("requests", "Requests.", {"operation": "get"})
        counter.add()
        counter.add(2)
        self.assertEqual(
            self.text(),
            [
                "# HELP txetcd_requests_total Requests.",
                "# TYPE txetcd_requests_total counter",
                'txetcd_requests_total{operation="get"} 3.0',
            ],
        )

    def test_a_counter_that_ends_so_already_does_not_end_so_twice(self):
        self.stats.counter("requests_total", "Requests.", {}).add()
        self.assertIn("txetcd_requests_total 1.0", self.text())

    def test_a_gauge_goes_up_and_down_and_can_be_set(self):
        gauge = self.stats.gauge("open", "Open.", {})
        gauge.set(5)
        gauge.add(2)
        gauge.add(-4)
        self.assertEqual(
            self.text(),
            ["# HELP txetcd_open Open.", "# TYPE txetcd_open gauge", "txetcd_open 3.0"],
        )

    def test_a_histogram_has_the_buckets_that_were_given(self):
        stats = PrometheusStats(self.registry, buckets=(0.1, 1))
        histogram = stats.histogram("wait_seconds", "Waits.", {"of": "a"})
        for value in (0.05, 0.1, 0.5, 7):
            histogram.observe(value)
        self.assertEqual(
            self.text(),
            [
                "# HELP txetcd_wait_seconds Waits.",
                "# TYPE txetcd_wait_seconds histogram",
                'txetcd_wait_seconds_bucket{le="0.1",of="a"} 2.0',
                'txetcd_wait_seconds_bucket{le="1.0",of="a"} 3.0',
                'txetcd_wait_seconds_bucket{le="+Inf",of="a"} 4.0',
                'txetcd_wait_seconds_count{of="a"} 4.0',
                'txetcd_wait_seconds_sum{of="a"} 7.65',
            ],
        )

    def test_by_default_they_reach_from_half_a_millisecond_to_ten_seconds(self):
        self.stats.histogram("wait_seconds", "Waits.", {})
        bounds = [line.split('"')[1] for line in self.text() if "_bucket" in line]
        self.assertEqual(bounds, [*map(str, BUCKETS), "+Inf"])
        self.assertEqual((BUCKETS[0], BUCKETS[-1]), (0.0005, 10.0))

    def test_the_namespace_is_before_each_name_or_is_none(self):
        PrometheusStats(self.registry, "app_etcd").gauge("open", "", {}).set(1)
        PrometheusStats(self.registry, "").gauge("open", "", {}).set(2)
        self.assertIn("app_etcd_open 1.0", self.text())
        self.assertIn("open 2.0", self.text())

    def test_what_is_in_a_label_is_escaped(self):
        self.stats.counter("requests", "", {"operation": 'a"b\nc'}).add()
        self.assertIn(r'txetcd_requests_total{operation="a\"b\nc"} 1.0', self.text())


class StatsTests(Case):
    def test_requests_are_counted_under_the_names_that_are_documented(self):
        clock, below = Clock(), Deferred[str]()
        answers = iter([below, Deferred()])
        service: Service = Stats(self.stats, clock) >> Service.mk(lambda _: next(answers))
        answer = service(Get("/a"))
        waiting = service(Get("/a", wait=True))
        clock.advance(0.003)
        below.errback(NotSent())
        self.failureResultOf(answer, NotSent)
        text = self.text()
        for line in (
            'txetcd_requests_total{error="NotSent",operation="get",result="retryable"} 1.0',
            'txetcd_requests_in_flight{operation="get"} 0.0',
            'txetcd_request_duration_seconds_bucket{le="0.0025",operation="get"} 0.0',
            'txetcd_request_duration_seconds_bucket{le="0.005",operation="get"} 1.0',
            'txetcd_request_duration_seconds_sum{operation="get"} 0.003',
            'txetcd_long_polls_in_flight{operation="get"} 1.0',
        ):
            self.assertIn(line, text)
        waiting.callback("event")
        self.successResultOf(waiting)
        self.assertIn(
            'txetcd_long_polls_total{error="",operation="get",result="success"} 1.0', self.text()
        )


class SharingTests(Case):
    def test_two_receivers_of_a_registry_share_its_metrics(self):
        other = PrometheusStats(self.registry)
        for stats in (self.stats, other):
            stats.counter("requests", "", {"operation": "get"}).add()
            stats.gauge("open", "", {}).add(1)
            stats.histogram("wait_seconds", "", {}).observe(1)
        for line in (
            'txetcd_requests_total{operation="get"} 2.0',
            "txetcd_open 2.0",
            "txetcd_wait_seconds_count 2.0",
        ):
            self.assertIn(line, self.text())

    def test_the_buckets_are_those_of_the_first(self):
        self.stats.histogram("wait_seconds", "", {}).observe(1)
        PrometheusStats(self.registry, buckets=(5,)).histogram("wait_seconds", "", {}).observe(1)
        self.assertIn('txetcd_wait_seconds_bucket{le="1.0"} 2.0', self.text())

    def test_registries_share_nothing(self):
        PrometheusStats(CollectorRegistry()).gauge("open", "", {}).set(1)
        self.assertEqual(self.text(), [])

    def test_a_registry_that_nobody_has_is_not_kept(self):
        registry = CollectorRegistry()
        PrometheusStats(registry).counter("requests", "", {"a": "1"}).add()
        gone = weakref.ref(registry)
        del registry
        gc.collect()
        self.assertIsNone(gone())

    def test_a_name_has_the_same_labels_each_time(self):
        self.stats.counter("requests", "", {"a": "1"})
        for labels in ({}, {"b": "1"}, {"a": "1", "b": "1"}):
            error = self.assertRaises(ValueError, self.stats.counter, "requests", "", labels)
            self.assertIn("txetcd_requests has the labels ['a'], not", str(error))
        self.stats.counter("requests", "", {"a": "2"}).add()

    def test_a_name_is_of_one_kind(self):
        self.stats.counter("requests", "", {})
        error = self.assertRaises(ValueError, self.stats.gauge, "requests", "", {})
        self.assertIn("txetcd_requests is a Counter already", str(error))

    def test_a_metric_of_somebody_else_is_left_alone(self):
        Counter("txetcd_requests", "Another's.", registry=self.registry)
        self.assertRaises(ValueError, self.stats.counter, "requests", "", {})

    def test_without_a_registry_it_is_that_of_the_process(self):
        stats = PrometheusStats(namespace="test_prometheus_default")
        stats.gauge("open", "", {}).set(1)
        self.assertEqual(REGISTRY.get_sample_value("test_prometheus_default_open"), 1)
        metric, _ = prometheus._made[REGISTRY].pop("test_prometheus_default_open")
        REGISTRY.unregister(metric)


class ArgumentTests(Case):
    def test_a_namespace_can_begin_a_name(self):
        for wrong in ("1", "a b", "ä", "a-b"):
            error = self.assertRaises(ValueError, PrometheusStats, self.registry, wrong)
            self.assertIn(repr(wrong), str(error))

    def test_buckets_ascend(self):
        for wrong in ((), (1, 1), (2, 1), (math.nan,), (1, math.nan), (-math.inf, 1)):
            error = self.assertRaises(
                ValueError, PrometheusStats, self.registry, buckets=wrong
            )
            self.assertIn(repr(wrong), str(error))

    def test_the_repr_shows_the_namespace(self):
        self.assertEqual(repr(self.stats), "PrometheusStats(namespace='txetcd')")


class ImportTests(SynchronousTestCase):
    def test_without_the_client_the_error_says_what_to_install(self):
        spec = importlib.util.find_spec("txetcd.filters.prometheus")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, {"prometheus_client": None}):
            error = self.assertRaises(ImportError, spec.loader.exec_module, module)
        self.assertIn("pip install txetcd[prometheus]", str(error))

    def test_the_filters_do_not_need_it(self):
        program = "import sys, txetcd.filters; print('prometheus_client' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        self.assertEqual(done.stdout, "False\n")
