"""Clients and servers in simulated time: what the filters do to a system as a whole."""
