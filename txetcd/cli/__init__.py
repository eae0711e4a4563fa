"""The command ``txetcd``: reads and writes keys of etcd, and shows what the library does.

Exit statuses, the first five after those of ``etcdctl``:

===  ============================================================================
0    all went well
1    bad input: a usage error, a value that etcd cannot hold, a directory where a
     key is needed
2    no answer: no connection, or no reply in time
3    the user may not do this, or the credentials are wrong or missing
4    etcd refused: no such key, a comparison that failed, and the like
5    a write was sent, and its outcome is unknown
6    the answer is not etcd's, or the server has no v2 API
7    the demonstration failed: an event was lost or told twice, or it did not end
70   a fault of txetcd itself
74   the output could not be written
130  stopped with Ctrl-C (129 and 143: by the signals HUP and TERM)
141  the output was closed by who read it
===  ============================================================================

This is the one part of txetcd, with `txetcd.connect`'s default, that imports the
global reactor.
"""

from __future__ import annotations

from txetcd.cli.app import main

__all__ = ["main"]
