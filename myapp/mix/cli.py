"""The list of tasks, and how their refusals reach the terminal."""

import sys

import typer

from myapp.config import BadSettings
from myapp.mix import database, dev, frontend, imports, nodes, quality, registry, run
from myapp.mix.terminal import CannotRun, refuse

app = typer.Typer(
    name="myapp",
    help="myapp: a live workspace for a team's contacts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command()(run.run)
app.command()(dev.dev)
app.command()(nodes.server)
app.command()(nodes.worker)
app.command()(nodes.console)
app.command()(database.migrate)
app.command()(database.rollback)
app.command()(database.seed)
app.command()(database.reset)
app.command("import")(imports.import_file)
app.command()(registry.routes)
app.command()(registry.topics)
app.command()(registry.jobs)
app.command("config")(registry.show_config)
app.command()(frontend.build)
app.command()(quality.check)
app.command(context_settings=quality.PASS_ON)(quality.test)


def main() -> None:
    """Run a task; settings and refusals become lines and exit code 2, never a traceback."""
    try:
        app()
    except BadSettings as error:
        refuse(error.lines)
        sys.exit(2)
    except CannotRun as error:
        refuse(error.lines)
        sys.exit(error.code)
