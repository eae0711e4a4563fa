"""JSON of any depth: the same as the standard library's, where that can read it."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.v2.json import _Reader, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
BITS = st.text(st.sampled_from('{}[]",:0123456789.-+eE \n\ttrufalsn\\/'), max_size=20)


class ReaderTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(VALUES, st.sampled_from([None, 1]))
    def test_it_reads_what_the_standard_library_writes(self, value, indent):
        self.assertEqual(_Reader(json.dumps(value, indent=indent)).document(), value)

    @settings(max_examples=400, deadline=None)
    @given(BITS)
    @example("[]]")
    @example('{"a":1,}')
    @example("[1 2]")
    @example("01")
    @example("{}{}")
    @example("[[], {}, [{}]]")
    def test_it_refuses_what_the_standard_library_refuses(self, text):
        try:
            expected = json.loads(text)
        except ValueError:
            self.assertRaises(ValueError, _Reader(text).document)
        else:
            self.assertEqual(_Reader(text).document(), expected)

    def test_any_depth_is_read(self):
        value = loads("[" * 100_000 + "]" * 100_000)
        depth = 0
        while value:
            (value,), depth = value, depth + 1
        self.assertEqual(depth, 99_999)

    def test_numbers_that_json_has_not_are_refused(self):
        for text in ("NaN", "Infinity", "-Infinity", "[NaN]"):
            self.assertRaises(ValueError, loads, text)
