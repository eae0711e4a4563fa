"""Watches of a real etcd, under traffic, while the members and the network fail.

A run is the life of one store, with every kind of fault in it, in an order that chance chooses.
What happened is read from every member by processes that share no code with the library; what the
library told is held against it, one promise after another (`promises`), and so is what two plain
clients saw.  ``python -m tests.robustness.watching`` makes runs, and prints a table.
"""
