"""myapp: a live workspace for a team's contacts, and the house to build the next live app in.

The map::

    myapp.myapp      the endpoint: app, routes, services as lifespan
    application      which services run in a web process, a worker, a console
    web              the boundary: pages, routes, who is asking
    live             LiveView in miniature: states, streams, forms over a fast lane
    dashboard > imports > contacts > accounts      the contexts, each a door to its data
    runtime, config  the running services by name; settings checked once
    kit              what stands below: results, changesets, repo, pub/sub, jobs, supervision

Imports point down; ``make check`` holds it. ``live`` stands beside the contexts and meets them
only in ``web``.
"""
