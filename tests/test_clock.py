"""Time, as a parameter."""

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd.clock import sleep


class SleepTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def test_it_fires_with_none_after_the_time_and_not_before(self):
        sleeping = sleep(self.clock, 5)
        self.clock.advance(4.9)
        self.assertNoResult(sleeping)
        self.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(sleeping))

    def test_no_time_is_still_a_turn_of_the_clock(self):
        sleeping = sleep(self.clock, 0)
        self.assertNoResult(sleeping)
        self.clock.advance(0)
        self.assertIsNone(self.successResultOf(sleeping))

    def test_cancelling_it_leaves_no_delayed_call(self):
        sleeping = sleep(self.clock, 5)
        sleeping.cancel()
        self.failureResultOf(sleeping, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
