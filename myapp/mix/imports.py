"""An import without a browser: the same job, its counts on the terminal."""

import asyncio
import json
from pathlib import Path

import typer

from myapp.mix import services
from myapp.mix.terminal import CannotRun, table


def import_file(
    path: Path = typer.Argument(..., metavar="FILE", help="A CSV file of contacts."),
    as_email: str = typer.Option(..., "--as", metavar="EMAIL", help="In whose name."),
    is_waiting: bool = typer.Option(False, "--wait", help="Work through it before returning."),
    as_json: bool = typer.Option(False, "--json", help="Print the counts as JSON."),
) -> None:
    """Import a file of contacts, as the browser would."""
    if not path.is_file():
        raise CannotRun(f"{path}: there is no such file")
    with services.reached() as settings:
        from myapp import application, imports
        from myapp.kit.repo import NotFound

        refusals = (NotFound, imports.CannotImport, imports.FileTooLarge, imports.StoreFull)
        try:
            counts = asyncio.run(
                application.import_file(settings, path, as_email=as_email, wait=is_waiting)
            )
        except refusals as error:
            raise CannotRun(f"{path.name}: {error}", code=1) from None
    if as_json:
        typer.echo(json.dumps(counts, default=str))
    else:
        table([{"count": key, "value": value} for key, value in counts.items()])
