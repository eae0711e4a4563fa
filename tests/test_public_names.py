"""The names that code outside this repository relies on (DESIGN, section 4)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txetcd
import txetcd.http
import txetcd.testing
from txetcd import (
    Activity,
    Backoff,
    Data,
    Dir,
    Etcd,
    Filter,
    Key,
    Lease,
    NodeOp,
    Service,
    State,
    filters,
    keys,
)

#: What the design promises of each module; more may be there.
PROMISED = {
    "txetcd": """
        connect Etcd Key
        Action Data Dir Lease NodeOp State Version
        Service Filter ServiceFactory Status Backoff Activity
        TxetcdError ApiError KeyNotFound TestFailed NotFile NotDir NodeExist DirNotEmpty
        EventIndexCleared UnexpectedResponse BackoffsExhausted
        NotSent AmbiguousWrite RequestTimedOut
    """,
    "txetcd.http": "Request Response Headers TreqService",
    "txetcd.testing": "EtcdProcess FaultProxy",
    "txetcd.v2": "Keys",
}

#: The parameters of each operation on a key, in order, and their defaults.
OPERATIONS = {
    "get": {
        "recursive": False,
        "wait": False,
        "wait_index": None,
        "quorum": False,
        "sorted": False,
    },
    "set": {"value": ..., "ttl": None, "prev_exist": False},
    "create": {"value": ..., "ttl": None},
    "create_in_order": {"value": ..., "ttl": None},
    "compare_and_swap": {
        "value": ...,
        "prev_index": None,
        "prev_value": None,
        "prev_exist": True,
        "ttl": None,
    },
    "compare_and_delete": {"prev_index": None, "prev_value": None},
    "delete": {"dir": False, "recursive": False},
    "refresh": {"ttl": ...},
}


def parameters(function: Any) -> dict[str, Any]:
    """Names and defaults; ``...`` where there is no default."""
    return {
        name: ... if each.default is each.empty else each.default
        for name, each in inspect.signature(function).parameters.items()
        if name != "self"
    }


class NameTests(SynchronousTestCase):
    def test_every_promised_name_is_where_it_is_promised(self):
        for module, names in PROMISED.items():
            found = importlib.import_module(module)
            for name in names.split():
                self.assertTrue(hasattr(found, name), f"{module}.{name}")
                self.assertIn(name, found.__all__)

    def test_all_names_every_public_name_and_no_other_in_order(self):
        public = {
            name
            for name, value in vars(txetcd).items()
            if not name.startswith("_") and not inspect.ismodule(value)
        }
        self.assertEqual(set(txetcd.__all__), public)
        self.assertEqual(txetcd.__all__, sorted(txetcd.__all__))

    def test_all_names_of_every_module_exist_and_are_named_once(self):
        for module in (
            "backoff",
            "balance",
            "client",
            "clock",
            "errors",
            "filters",
            *(f"filters.{each.name}" for each in pkgutil.iter_modules(filters.__path__)),
            "http",
            "inflight",
            "keys",
            "model",
            "reactive",
            "response_class",
            "service",
            "stack",
            "testing",
            "v2",
        ):
            found = importlib.import_module(f"txetcd.{module}")
            self.assertEqual(len(found.__all__), len(set(found.__all__)), module)
            for name in found.__all__:
                self.assertTrue(hasattr(found, name), f"txetcd.{module}.{name}")

    def test_everything_public_says_what_it_is(self):
        for name in txetcd.__all__:
            self.assertTrue(getattr(txetcd, name).__doc__, name)


class SignatureTests(SynchronousTestCase):
    def test_the_operations_on_a_key_have_the_promised_parameters(self):
        for name, expected in OPERATIONS.items():
            found = parameters(getattr(Key, name))
            self.assertEqual(list(found.items()), list(expected.items()), name)

    def test_connect_has_the_promised_parameters(self):
        found = parameters(txetcd.connect)
        self.assertEqual(next(iter(found)), "endpoints")
        self.assertEqual((found["api"], found["transport"]), ("v2", "treq"))
        self.assertEqual((found["reactor"], found["auth"], found["tls"]), (None, None, None))
        self.assertGreater(found["timeout"], 0)
        self.assertEqual(found["namespace"], "/")
        for name in ("stats", "stack", "endpoint_stack"):
            self.assertIsNone(found[name], name)

    def test_a_client_and_a_key_have_the_promised_methods(self):
        for kind, names in (
            (Etcd, ("key", "version", "close")),
            (Key, ("key", "events", "watch", "watch_tree", "__truediv__", *OPERATIONS)),
            (Service, ("mk", "close", "__call__", "apply")),
            (Filter, ("mk", "and_then", "__rshift__", "apply")),
            (
                Backoff,
                (
                    "constant",
                    "linear",
                    "exponential",
                    "exponential_jittered",
                    "equal_jittered",
                    "decorrelated_jittered",
                    "from_iterable",
                    "take",
                    "concat",
                ),
            ),
        ):
            for name in names:
                self.assertTrue(callable(getattr(kind, name)), f"{kind.__name__}.{name}")

    def test_events_have_the_promised_parameters(self):
        found = parameters(Key.events)
        self.assertEqual(list(found)[:2], ["recursive", "backoff"])
        self.assertFalse(found["recursive"])
        self.assertEqual(repr(found["backoff"]), "Backoff.exponential_jittered(0.01, 600.0)")
        self.assertIsNone(found["on_error"])
        self.assertEqual((found["buffer"], found["on_full"]), (0, "pause"))

    def test_shared_watches_have_the_promised_parameters(self):
        self.assertEqual(list(parameters(Key.watch)), ["recursive", "backoff"])
        self.assertFalse(parameters(Key.watch)["recursive"])
        self.assertEqual(list(parameters(Key.watch_tree)), ["backoff"])
        for kind in (keys.Watch, keys.WatchedTree):
            self.assertTrue(issubclass(kind, Activity))
            for name in ("state", "observe", "freshness", "stale_by"):
                self.assertTrue(hasattr(kind, name), f"{kind.__name__}.{name}")

    def test_the_words_of_etcd_have_the_promised_fields_in_order(self):
        for kind, expected in (
            (NodeOp, ["action", "node", "etcd", "prev_node"]),
            (Data, ["key", "modified_index", "created_index", "lease", "value"]),
            (Dir, ["key", "modified_index", "created_index", "lease", "nodes"]),
            (Lease, ["expiration", "ttl"]),
        ):
            self.assertEqual(list(parameters(kind)), expected)
        self.assertEqual(list(parameters(State))[:2], ["index", "cluster_id"])
