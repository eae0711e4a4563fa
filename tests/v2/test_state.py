"""The state of the store, from the headers: what cannot be read is unknown, and no error."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import State
from txetcd.http import Headers, Response
from txetcd.v2.state import state_of

NAMES = ("X-Etcd-Index", "X-Raft-Index", "X-Raft-Term")


def state(*fields: tuple[str, str]) -> State:
    return state_of(Response(200, Headers(fields)))


class StateTests(SynchronousTestCase):
    def test_each_header_has_its_place(self):
        self.assertEqual(
            state(
                ("X-Etcd-Index", "5"),
                ("X-Etcd-Cluster-Id", "cdf818194e3a8c32"),
                ("X-Raft-Index", "7"),
                ("X-Raft-Term", "2"),
            ),
            State(index=5, cluster_id="cdf818194e3a8c32", raft_index=7, raft_term=2),
        )

    def test_what_is_missing_is_unknown(self):
        self.assertEqual(state(), State(0, "", 0, 0))

    def test_a_name_is_found_in_any_case(self):
        self.assertEqual(state(("x-etcd-index", "5")).index, 5)

    def test_answers_from_one_state_share_it(self):
        fields = ("X-Etcd-Index", "5"), ("X-Raft-Index", "7"), ("Date", "today")
        self.assertIs(state(*fields), state(*reversed(fields)))
        self.assertEqual(state(("X-Etcd-Index", "7"), ("X-Raft-Index", "5")), State(7, "", 5))

    def test_an_index_has_64_bits(self):
        self.assertEqual(state(("X-Etcd-Index", str(2**64 - 1))).index, 2**64 - 1)
        self.assertEqual(state(("X-Etcd-Index", str(2**64))).index, 0)

    def test_what_int_would_read_and_etcd_does_not_write_is_unknown(self):
        for text in ("-1", "+1", " 1", "1 ", "1_0", "0x1", "1.0", "1e3", "²", "", "1, 1"):
            for name in NAMES:
                self.assertEqual(state((name, text)), State(), (name, text))

    @settings(deadline=None, max_examples=100)
    @given(
        st.text(
            st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"),
            max_size=25,
        )
    )
    @example("9" * 100_000)
    def test_any_header_is_an_index_or_unknown(self, text):
        for name in NAMES:
            found = state((name, text))
            numbers = {found.index, found.raft_index, found.raft_term} - {0}
            self.assertTrue(numbers <= {int(text)} if numbers else True)
            self.assertTrue(all(0 <= number < 2**64 for number in numbers))
