"""Tests of `txetcd.reactive`."""
