"""The system printed from its own registries: routes, topics, jobs, settings.

Documentation that cannot rot, for it is read from what runs.
"""

import typer

from myapp import config
from myapp.mix.terminal import table

AS_JSON = typer.Option(False, "--json", help="As JSON.")


def routes(as_json: bool = AS_JSON) -> None:
    """List the pages and routes with their policies."""
    from myapp.web import router

    table(router.routes(), as_json=as_json)


def topics(as_json: bool = AS_JSON) -> None:
    """List the kinds of topics and what is announced there."""
    from myapp import application

    table(application.topics(), as_json=as_json)


def jobs(as_json: bool = AS_JSON) -> None:
    """List the jobs with their queues and schedules."""
    from myapp import application

    table(application.jobs(), as_json=as_json)


def show_config(as_json: bool = AS_JSON) -> None:
    """Show every setting in force, secrets hidden."""
    shown = config.load().shown()
    table([{"setting": key, "value": value} for key, value in shown.items()], as_json=as_json)
