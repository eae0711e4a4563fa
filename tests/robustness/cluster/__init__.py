"""A client of a real cluster, under traffic, while the cluster and the network fail.

`run` makes one run of one kind of fault; `checker` says what the client did wrong, by a history
that `truth` has read without the client.  ``python -m tests.robustness`` makes runs of all kinds,
and prints a table.
"""
