"""TLS: whom to trust, and what to show of oneself.

`TLS` is what `connect` takes as ``tls=``.  It makes the connections of Twisted's
``wrapClientTLS``, which verify the server, and it notices when a certificate was
renewed.  `explain` and `refused_in_handshake` read what comes back when a
handshake fails.

pyOpenSSL is imported when a `TLS` is made, and not before: it belongs to the extra
``txetcd[tls]``.

The certificate's name is verified here, and not by Twisted's
``optionsForClientTLS``.  That takes a certificate without any ``subjectAltName``
for one that is valid for every host, since service_identity 24.1 raises another
error there than the one it knows; and for a chain that does not hold, it says no
more than "certificate verify failed".
"""

from txetcd.http.tls.errors import explain, refused_in_handshake
from txetcd.http.tls.settings import TLS

__all__ = ["TLS", "explain", "refused_in_handshake"]
