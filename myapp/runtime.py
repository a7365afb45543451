"""The running services by name: settings, repo, jobs. For contexts and the application only.

``application`` provides them at start; asking for one before is a mistake that says so.
"""

from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from myapp.config import Settings
from myapp.kit.jobs import Jobs
from myapp.kit.limiter import Limiter
from myapp.kit.pubsub import PubSub
from myapp.kit.repo import Repo

DatabaseError = SQLAlchemyError

settings: Settings
repo: Repo
jobs: Jobs
pubsub: PubSub
limiter: Limiter


class NotRunning(RuntimeError):
    """This service is not running; start one of ``application``'s trees around the call."""


def provide(**services: Any) -> None:
    """Make services available by name."""
    globals().update(services)


def withdraw(*names: str) -> None:
    """Take services away again when their tree stops."""
    for name in names:
        globals().pop(name, None)


def __getattr__(name: str) -> Any:
    if name in __annotations__:
        raise NotRunning(f"{NotRunning.__doc__} ({name})")
    raise AttributeError(name)
