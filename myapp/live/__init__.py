"""The live layer: what Phoenix gets from LiveView, beside the contexts and without their words.

``hub`` keeps one replica per joined topic and writes each change once for all browsers, ``vars`` and
``stream`` are what a State declares to show it, ``state`` is the mixin of every page's State, ``form``
shows a changeset, ``policy`` and ``entrance`` decide what a browser may call, ``testing`` drives States
without one. Every private name of Reflex, socket.io and engine.io stands in ``reflex_seams``.
"""
