"""Operations check themselves: what no protocol could carry is an error where it is made."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import model
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Op,
    Refresh,
    Set,
    State,
)

quick = settings(deadline=None, max_examples=100)

#: One of each operation, with the name that messages use.
EACH: dict[str, Op] = {
    "get": Get("/a"),
    "set": Set("/a", b""),
    "create": Create("/a", b""),
    "create_in_order": CreateInOrder("/a", b""),
    "compare_and_swap": CompareAndSwap("/a", b"", 1),
    "compare_and_delete": CompareAndDelete("/a", 1),
    "delete": Delete("/a"),
    "refresh": Refresh("/a", 1),
}


def with_ttl(ttl):
    """Each operation that takes a ttl, made with this one."""
    return (
        Set("/a", b"", ttl),
        Create("/a", b"", ttl),
        CreateInOrder("/a", b"", ttl),
        CompareAndSwap("/a", b"", 1, ttl=ttl),
    )


class Case(SynchronousTestCase):
    def refused(self, kind, shown, make, *fields, **named):
        with self.assertRaises(kind) as caught:
            make("/a", *fields, **named)
        self.assertIn(shown, str(caught.exception))
        return caught.exception


class OpTests(Case):
    def test_each_kind_is_here(self):
        public = [getattr(model, name) for name in model.__all__]
        ops = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Op)}
        self.assertEqual({type(op) for op in EACH.values()}, ops - {Op})

    def test_the_path_is_made_absolute(self):
        self.assertEqual(Get("a/b/").path, "/a/b")
        self.refused(ValueError, "'..'", lambda path: Get(".."))

    def test_str_names_the_operation_and_the_key(self):
        for name, op in EACH.items():
            self.assertEqual(str(op), f"{name} /a")

    def test_all_but_get_are_writes(self):
        for name, op in EACH.items():
            self.assertEqual(op.is_write, name != "get", name)

    def test_only_a_wait_is_a_long_poll(self):
        for op in EACH.values():
            self.assertFalse(op.long_poll)
        self.assertTrue(Get("/a", wait=True).long_poll)

    def test_an_operation_is_immutable_and_hashable(self):
        for op in EACH.values():
            with self.assertRaises(attrs.exceptions.FrozenInstanceError):
                op.path = "/b"  # type: ignore[misc]
            self.assertEqual(len({op, attrs.evolve(op)}), 1)

    def test_a_repr_shows_no_value(self):
        """It may be a secret of the user's, and of any length."""
        for op in (
            Set("/a", b"hunter2"),
            Create("/a", b"hunter2"),
            CreateInOrder("/a", "hunter2"),
            CompareAndSwap("/a", b"hunter2", None, b"hunter2"),
            CompareAndDelete("/a", None, b"hunter2"),
        ):
            self.assertIn("<7 bytes>", repr(op))
            self.assertNotIn("hunter2", f"{op!r} {op}")

    def test_a_repr_tells_a_directory_from_an_empty_value(self):
        self.assertIn("value=None", repr(Set("/a", None)))
        self.assertIn("value=<0 bytes>", repr(Set("/a", b"")))


class ValueTests(Case):
    def test_text_is_utf_8_and_bytes_are_themselves(self):
        self.assertEqual(Set("/a", "ü").value, b"\xc3\xbc")
        self.assertEqual(Set("/a", b"\xff").value, b"\xff")
        for value in (bytearray(b"\xff"), memoryview(b"\xff")):
            given: Any = value
            self.assertEqual(Set("/a", given).value, b"\xff")

    def test_the_value_of_a_bytearray_does_not_change_with_it(self):
        given: Any = bytearray(b"a")
        op = Set("/a", given)
        given[0] = ord("b")
        self.assertEqual(op.value, b"a")
        self.assertIs(type(op.value), bytes)

    def test_none_makes_a_directory_where_that_can_be(self):
        for make in (Set, Create, CreateInOrder):
            self.assertIsNone(make("/a", None).value)
        self.refused(TypeError, "None", CompareAndSwap, None, 1)

    def test_text_without_a_utf_8_encoding_is_a_value_error(self):
        error = self.refused(ValueError, r"'x\ud800'", Set, "x\ud800")
        self.assertNotIsInstance(error, UnicodeError)
        self.refused(ValueError, r"'\udfff'", CompareAndDelete, prev_value="\udfff")

    def test_what_is_neither_text_nor_bytes_is_a_type_error(self):
        for value in (1, 1.5, True, ["a"], {"a": 1}):
            for make in (Set, Create, CreateInOrder):
                self.refused(TypeError, repr(value), make, value)
            self.refused(TypeError, repr(value), CompareAndSwap, value, 1)
            self.refused(TypeError, repr(value), CompareAndSwap, b"", None, value)
            self.refused(TypeError, repr(value), CompareAndDelete, None, value)


class TtlTests(Case):
    def test_seconds_and_timedeltas_are_seconds(self):
        for ttl in (5, 5.0, timedelta(seconds=5), timedelta(milliseconds=5000)):
            for op in with_ttl(ttl):
                self.assertEqual(op.ttl, 5)
                self.assertIs(type(op.ttl), int)

    def test_a_fraction_rounds_up(self):
        for ttl, seconds in (
            (0.000001, 1),
            (1.5, 2),
            (timedelta(microseconds=1), 1),
            (timedelta(days=1, microseconds=1), 86401),
        ):
            self.assertEqual(Set("/a", b"", ttl).ttl, seconds)
            self.assertEqual(Refresh("/a", ttl).ttl, seconds)

    def test_zero_is_kept_apart_from_none(self):
        for zero in (0, 0.0, -0.0, timedelta(0)):
            for op in with_ttl(zero):
                self.assertEqual(op.ttl, 0)
        for op in with_ttl(None):
            self.assertIsNone(op.ttl)

    def test_negative_not_finite_and_over_long_ttls_are_value_errors_that_name_them(self):
        bad = (-1, -0.001, timedelta(microseconds=-1), float("nan"), float("inf"), -float("inf"))
        too_long = (7_000_000_001, 7e9 + 0.5, timedelta(seconds=7_000_000_001), 10**400)
        for ttl in (*bad, *too_long):
            for make in (Set, Create, CreateInOrder):
                self.refused(ValueError, repr(ttl), make, b"", ttl)
            self.refused(ValueError, repr(ttl), CompareAndSwap, b"", 1, ttl=ttl)
            self.refused(ValueError, repr(ttl), Refresh, ttl)

    def test_the_longest_ttl_is_taken(self):
        self.assertEqual(Set("/a", b"", 7_000_000_000).ttl, 7_000_000_000)

    def test_what_is_no_time_is_a_type_error(self):
        for ttl in ("5", True, b"5", Decimal(5), [5]):
            self.refused(TypeError, repr(ttl), Set, b"", ttl)
            self.refused(TypeError, repr(ttl), Refresh, ttl)

    @quick
    @given(st.floats(min_value=0, max_value=7e9))
    def test_the_lease_is_never_shorter_than_was_asked_nor_longer_by_a_second(self, ttl):
        got = Set("/a", b"", ttl).ttl
        assert got is not None
        self.assertTrue(0 <= got - Fraction(ttl) < 1)


class GetTests(Case):
    def test_a_plain_get_asks_for_nothing_special(self):
        op = Get("/a")
        for asked in (op.recursive, op.wait, op.quorum, op.sorted):
            self.assertIs(asked, False)
        self.assertIsNone(op.wait_index)

    def test_a_wait_index_without_a_wait_is_a_value_error(self):
        self.refused(ValueError, "wait_index=5", Get, wait_index=5)

    def test_a_quorum_wait_is_a_value_error_since_etcd_would_not_wait(self):
        self.refused(ValueError, "quorum=True", Get, wait=True, quorum=True)

    def test_a_wait_index_has_64_bits(self):
        for index in (0, 1, 2**64 - 1):
            self.assertEqual(Get("/a", wait=True, wait_index=index).wait_index, index)
        for index in (-1, 2**64):
            self.refused(ValueError, str(index), Get, wait=True, wait_index=index)
        for wrong in (True, 1.0, "1"):
            self.refused(TypeError, repr(wrong), Get, wait=True, wait_index=wrong)

    def test_gets_are_equal_whoever_is_told_of_the_state(self):
        def told(state: State) -> None: ...

        self.assertEqual(Get("/a", wait=True, on_state=told), Get("/a", wait=True))
        self.assertNotIn("told", repr(Get("/a", wait=True, on_state=told)))


class CompareTests(Case):
    def test_each_condition_is_enough(self):
        for op in (
            CompareAndSwap("/a", b"", prev_index=1),
            CompareAndSwap("/a", b"", prev_value=b"x"),
            CompareAndSwap("/a", b"", prev_exist=False),
            CompareAndSwap("/a", b"", prev_index=1, prev_value=b"x"),
            CompareAndDelete("/a", prev_index=1),
            CompareAndDelete("/a", prev_value="x"),
            CompareAndDelete("/a", prev_index=2**64 - 1, prev_value="x"),
        ):
            self.assertTrue(op.is_write)

    def test_no_condition_is_a_value_error_that_names_the_operation(self):
        self.refused(ValueError, "compare_and_swap /a has no condition", CompareAndSwap, b"")
        self.refused(ValueError, "compare_and_delete /a has no condition", CompareAndDelete)

    def test_a_key_that_must_not_exist_has_no_index_or_value_to_compare(self):
        for conditions in ({"prev_index": 1}, {"prev_value": b"x"}, {"prev_value": b""}):
            self.refused(
                ValueError, "prev_exist=False", CompareAndSwap, b"", prev_exist=False, **conditions
            )

    def test_an_empty_value_to_compare_with_is_a_condition(self):
        """Whether a protocol can carry it is the protocol's to say."""
        self.assertEqual(CompareAndSwap("/a", b"", prev_value="").prev_value, b"")
        self.assertEqual(CompareAndDelete("/a", prev_value=b"").prev_value, b"")

    def test_index_zero_is_a_value_error_since_etcd_would_not_compare(self):
        for conditions in ({}, {"prev_value": b"x"}):
            self.refused(
                ValueError, "prev_index=0", CompareAndSwap, b"", prev_index=0, **conditions
            )
            self.refused(ValueError, "prev_index=0", CompareAndDelete, prev_index=0, **conditions)

    def test_an_index_has_64_bits(self):
        for index in (-1, 2**64):
            self.refused(ValueError, str(index), CompareAndSwap, b"", index)
            self.refused(ValueError, str(index), CompareAndDelete, index)
        for wrong in (True, False, 1.0, "1"):
            self.refused(TypeError, repr(wrong), CompareAndSwap, b"", wrong)
            self.refused(TypeError, repr(wrong), CompareAndDelete, wrong)


class RefreshTests(Case):
    def test_zero_is_a_value_error_that_says_what_to_do(self):
        for zero in (0, 0.0, timedelta(0)):
            self.refused(ValueError, "write the key without a ttl", Refresh, zero)

    def test_a_ttl_is_needed(self):
        self.refused(ValueError, "not None", Refresh, None)
