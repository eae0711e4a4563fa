"""Choosing: who may be chosen, how evenly, and at what cost."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Status
from txetcd.balance import Policy, PowerOfTwoChoices, RoundRobin, usable
from txetcd.balance.pick import highest_random_weight, panics

OPEN, BUSY, DOWN, CLOSED = Status


class Place:
    """A candidate that counts how often its status is looked at."""

    def __init__(self, address: str = "a", status: Status = OPEN, load: float = 0) -> None:
        self.address = address
        self.state = status
        self.load = load
        self.looked = 0

    @property
    def status(self) -> Status:
        self.looked += 1
        return self.state

    def __repr__(self) -> str:
        return f"<{self.address} {self.state.name} {self.load}>"


def places(*statuses: Status) -> list[Place]:
    return [Place(str(n), status) for n, status in enumerate(statuses)]


some_places = st.lists(st.sampled_from(Status), min_size=1, max_size=8).map(
    lambda statuses: places(*statuses)
)


class Case(SynchronousTestCase):
    def assert_near(self, number: float, expected: float, delta: float) -> None:
        """Most deltas are six standard deviations, or more."""
        self.assertLessEqual(abs(number - expected), delta, f"{number} is not near {expected}")


class UsableTests(Case):
    def test_they_are_the_open_ones_or_else_the_busy_ones_or_else_all(self):
        for statuses, expected in (
            ((OPEN, BUSY, OPEN, CLOSED), "02"),
            ((CLOSED, BUSY, CLOSED, BUSY), "13"),
            ((CLOSED, CLOSED), "01"),
            ((DOWN, BUSY, DOWN), "1"),
            ((CLOSED, DOWN), "1"),
            ((OPEN, OPEN), "01"),
            ((CLOSED, OPEN), "1"),
        ):
            found = usable(places(*statuses))
            self.assertEqual("".join(each.address for each in found), expected)

    def test_all_are_if_fewer_than_the_threshold_are_open(self):
        for statuses, panic in (
            ((OPEN, OPEN, OPEN), False),
            ((OPEN, OPEN, BUSY), False),
            ((OPEN, BUSY), False),
            ((OPEN, BUSY, CLOSED), True),
            ((BUSY, BUSY), True),
            ((CLOSED,), True),
            ((OPEN, CLOSED, CLOSED), True),
        ):
            candidates = places(*statuses)
            self.assertIs(panics(candidates, 0.5), panic, candidates)
            if panic:
                self.assertIs(usable(candidates, 0.5), candidates)

    def test_a_threshold_of_one_panics_when_one_is_not_open_and_one_of_zero_never(self):
        candidates = places(OPEN, OPEN, BUSY)
        self.assertIs(usable(candidates, 1.0), candidates)
        self.assertFalse(panics(places(OPEN), 1.0))
        for statuses in ((OPEN, BUSY), (CLOSED, CLOSED)):
            self.assertFalse(panics(places(*statuses), 0.0))

    @given(some_places, st.floats(0, 1))
    def test_either_it_panics_or_all_are_of_the_best_status_there_is(self, candidates, threshold):
        found = usable(candidates, threshold)
        if panics(candidates, threshold):
            self.assertIs(found, candidates)
        best = min(each.state for each in candidates)
        if found is not candidates:
            self.assertEqual(found, [each for each in candidates if each.state is best])


class PolicyTests(Case):
    """What holds of each policy."""

    def policies(self, seed: int = 1) -> list[Policy]:
        return [PowerOfTwoChoices(random.Random(seed)), RoundRobin()]

    @given(some_places, st.integers(0, 99))
    def test_one_that_is_not_of_the_best_status_is_never_chosen(self, candidates, seed):
        best = min(each.state for each in candidates)
        for policy in self.policies(seed):
            for _ in range(20):
                self.assertIs(policy.pick(candidates).state, best)

    @given(some_places)
    def test_whoever_may_be_chosen_is_at_some_time(self, candidates):
        expected = {each.address for each in usable(candidates)}
        for policy in self.policies():
            chosen = {policy.pick(candidates).address for _ in range(40 * len(candidates))}
            self.assertEqual(chosen, expected)

    def test_while_all_are_open_one_choice_looks_at_one_status(self):
        for policy in self.policies():
            candidates = places(*[OPEN] * 1000)
            for _ in range(100):
                policy.pick(candidates)
            self.assertEqual(sum(each.looked for each in candidates), 100)

    def test_in_panic_status_does_not_matter(self):
        for policy in self.policies():
            candidates = places(OPEN, BUSY, CLOSED)
            chosen = Counter(policy.pick(candidates, list_as_it_is).address for _ in range(3000))
            for each in candidates:
                self.assert_near(chosen[each.address], 1000, 150)

    def test_the_turn_of_one_that_is_not_open_goes_to_all_others_alike(self):
        for policy in self.policies():
            candidates = places(OPEN, BUSY, OPEN, OPEN)
            chosen = Counter(policy.pick(candidates).address for _ in range(3000))
            for each in "023":
                self.assert_near(chosen[each], 1000, 150)


def list_as_it_is(candidates: Any) -> Any:
    return candidates


class PowerOfTwoChoicesTests(Case):
    def policy(self, seed: int = 1) -> Policy:
        return PowerOfTwoChoices(random.Random(seed))

    def test_of_two_it_takes_the_one_with_less_load(self):
        light, heavy = Place("light", load=1), Place("heavy", load=2)
        policy = self.policy()
        for candidates in ([light, heavy], [heavy, light]):
            for _ in range(50):
                self.assertIs(policy.pick(candidates), light)

    def test_the_one_with_the_most_load_of_many_is_never_taken(self):
        candidates = [Place(str(n), load=n) for n in range(5)]
        policy = self.policy()
        chosen = Counter(policy.pick(candidates).address for _ in range(5000))
        self.assertEqual(chosen["4"], 0)
        # Of the ten pairs the lightest is in four, the next in three others, and so on.
        for n in range(4):
            self.assert_near(chosen[str(n)], 500 * (4 - n), 150)

    def test_equals_are_taken_alike(self):
        candidates = places(*[OPEN] * 4)
        policy = self.policy()
        chosen = Counter(policy.pick(candidates).address for _ in range(8000))
        for each in candidates:
            self.assert_near(chosen[each.address], 2000, 200)

    def test_the_fullest_has_far_less_than_by_one_choice(self):
        """The theorem: log log n / log 2 above the mean, and not log n / log log n."""
        n = 1000

        def fullest(pick) -> float:
            candidates = places(*[OPEN] * n)
            for _ in range(n):
                pick(candidates).load += 1
            return max(each.load for each in candidates)

        for seed in range(5):
            draw = random.Random(seed)
            self.assertLessEqual(fullest(PowerOfTwoChoices(draw).pick), 4)
            self.assertGreaterEqual(fullest(draw.choice), 5)

    def test_any_number_in_the_unit_interval_draws_two_that_are_not_the_same(self):
        class Fixed:
            def __init__(self, number: float) -> None:
                self.number = number

            def random(self) -> float:
                return self.number

        for n in (2, 3, 5, 1000):
            candidates = places(*[OPEN] * n)
            for number in (0.0, 0.5, 1 - 2**-53):
                one = PowerOfTwoChoices(Fixed(number)).pick(candidates)
                one.load = 1
                other = PowerOfTwoChoices(Fixed(number)).pick(candidates)
                self.assertIsNot(one, other)
                one.load = 0

    def test_one_is_taken_without_a_draw(self):
        self.assertEqual(PowerOfTwoChoices(None).pick(places(OPEN)).address, "0")

    def test_it_draws_from_the_random_module_by_default(self):
        chosen = {PowerOfTwoChoices().pick(places(*[OPEN] * 3)).address for _ in range(200)}
        self.assertEqual(chosen, set("012"))

    def test_it_tells_what_it_is(self):
        self.assertEqual(repr(self.policy()), "PowerOfTwoChoices()")


class RoundRobinTests(Case):
    def policy(self, seed: int = 1) -> Policy:
        return RoundRobin()

    @given(st.integers(1, 9), st.integers(1, 50))
    def test_each_is_taken_in_turn(self, n, times):
        candidates = places(*[OPEN] * n)
        policy = RoundRobin()
        chosen = [policy.pick(candidates).address for _ in range(times)]
        self.assertEqual(chosen, [str(m % n) for m in range(times)])

    @given(st.lists(st.sampled_from([OPEN, BUSY]), min_size=1, max_size=6), st.integers(1, 60))
    def test_the_open_ones_are_never_more_than_two_turns_apart(self, statuses, times):
        candidates = places(*statuses)
        policy = RoundRobin()
        chosen = Counter(policy.pick(candidates).address for _ in range(times))
        counts = [chosen[each.address] for each in usable(candidates)]
        self.assertLessEqual(max(counts) - min(counts), 2)

    def test_load_does_not_matter(self):
        policy = RoundRobin()
        candidates = [Place("heavy", load=9), Place("light")]
        chosen = [policy.pick(candidates).address for _ in range(4)]
        self.assertEqual(chosen, ["heavy", "light"] * 2)

    def test_a_set_that_shrinks_does_no_harm(self):
        policy = RoundRobin()
        for n in (5, 1, 3, 2):
            chosen = {policy.pick(places(*[OPEN] * n)).address for _ in range(n)}
            self.assertEqual(len(chosen), n)

    def test_it_tells_what_it_is(self):
        self.assertEqual(repr(RoundRobin()), "RoundRobin()")


class HighestRandomWeightTests(Case):
    def spread(self, candidates, keys=range(3000), salt=5) -> dict[Any, str]:
        return {key: highest_random_weight(candidates, key, salt).address for key in keys}

    def candidates(self, addresses) -> list[Place]:
        return [Place(f"http://etcd-{each}:2379") for each in addresses]

    def test_a_key_has_one_place_whatever_the_order(self):
        candidates = self.candidates("abc")
        self.assertEqual(self.spread(candidates), self.spread(candidates[::-1]))

    def test_keys_are_spread_evenly(self):
        for keys in (range(3000), [f"/config/{n}" for n in range(3000)]):
            counts = Counter(self.spread(self.candidates("abcde"), keys).values())
            # The standard deviation is 22.
            for each in counts.values():
                self.assert_near(each, 600, 150)

    def test_of_a_place_that_is_lost_only_its_keys_move_and_to_all_others_alike(self):
        before = self.spread(self.candidates("abcd"))
        after = self.spread(self.candidates("abc"))
        moved = [after[key] for key in before if before[key] != after[key]]
        lost = [key for key in before if before[key].startswith("http://etcd-d")]
        self.assertEqual(len(moved), len(lost))
        for each in Counter(moved).values():
            # A third of 750; the standard deviation is 13.
            self.assert_near(each, 250, 100)

    def test_another_salt_gives_another_spread(self):
        one, other = (self.spread(self.candidates("abc"), salt=salt) for salt in (1, 2))
        same = sum(one[key] == other[key] for key in one)
        # A third of 3000; the standard deviation is 26.
        self.assert_near(same, 1000, 200)
