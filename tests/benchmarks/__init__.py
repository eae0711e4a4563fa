"""What txetcd costs, beside other clients of etcd, on this machine, in this hour.

``python -m tests.benchmarks`` starts an etcd of its own, and measures each *case* (`cases`) with
each *client* (`clients`).  Nothing in it asserts a time: it is for reading.

**One process each.**  Every measurement is made by a fresh Python process, which has one client in
it and nothing else, so that the CPU time of the process, with all its threads, is the client's.
The server and what writes for a watch run in processes of their own.

**In alternation.**  The clients take turns, case by case, for several rounds, and each round begins
with another of them: a machine that slows down slows them all.  What is shown is the median of the
rounds.

**The same work.**  Each part that is timed comes after the same as a warm-up.  Each reads the same
keys of the same server, keeps its connections where the client can, and compares what it has read
with what was written.  An answer that is wrong, or an error, makes the row an error: fast errors
are worth nothing.  A v3 client reads a key as v2 does, from what the member knows
(``serializable``); for a whole directory neither of them can be told so.

**No disk.**  The server does not wait for its disk (``--unsafe-no-fsync``), because it is the
clients that are compared.

It needs ``pip install '.[test,bench]'``.  A client that is not installed is shown as such.
"""
