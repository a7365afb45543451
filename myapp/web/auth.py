"""Signing in and out, and the first person's set-up link, over plain HTTP forms.

The cookie is HttpOnly and SameSite=Lax, and Secure wherever people come over TLS. A form is taken from
this app's own pages only: its ``Origin`` must be one of the allowed ones.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from myapp import accounts
from myapp.accounts import NotPermitted, SignedIn
from myapp.config import Settings
from myapp.kit.changeset import Changeset
from myapp.kit.result import Error, Ok
from myapp.web import documents, people

_DEMO = ("admin@example.com", "member@example.com")
_FORM_LIMIT = 16 * 1024


def routes(settings: Settings) -> list[Route]:
    """Return the routes; each is open to everybody, and says so in ``router``."""
    return [
        Route("/", home, methods=["GET"]),
        Route("/sign-in", SignIn(settings).show, methods=["GET"]),
        Route("/sign-in", SignIn(settings).submit, methods=["POST"]),
        Route("/sign-out", SignIn(settings).sign_out, methods=["POST"]),
        Route("/set-up/{token}", SignIn(settings).show_set_up, methods=["GET"]),
        Route("/set-up/{token}", SignIn(settings).set_up, methods=["POST"]),
    ]


async def home(request: Request) -> Response:
    """Send a person to the workspace he joined first, anybody else to the sign-in page."""
    identity = await people.authenticate(request.cookies, {})
    slug = await accounts.first_workspace_slug(identity.person_id) if identity else None
    return _see(f"/w/{slug}" if slug else "/sign-in")


class SignIn:
    """The handlers, with the settings they need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def show(self, request: Request) -> Response:
        """Show the sign-in page."""
        return self._page(next=local_path(request.query_params.get("next")))

    async def submit(self, request: Request) -> Response:
        """Check the form and set the cookie, or show the page again with what is wrong."""
        if refusal := self._refuse_foreign(request):
            return refusal
        form = await _form(request)
        attrs = {name: str(form.get(name) or "") for name in ("email", "password")}
        goal = local_path(str(form.get("next") or ""))
        try:
            result = await accounts.sign_in(
                attrs,
                address=request.client.host if request.client else "",
                user_agent=request.headers.get("user-agent", ""),
            )
        except accounts.TooManyAttempts as error:
            page = self._page(status=429, error=str(error), email=attrs["email"], next=goal)
            page.headers["Retry-After"] = str(round(error.wait_s))
            return page
        match result:
            case Ok(signed_in):
                return await self._enter(signed_in, goal)
            case Error(changeset):
                return self._page(
                    status=422, error=_words(changeset), email=attrs["email"], next=goal
                )
        raise AssertionError(result)

    async def sign_out(self, request: Request) -> Response:
        """End the session and forget the cookie."""
        if refusal := self._refuse_foreign(request):
            return refusal
        if token := request.cookies.get(people.COOKIE):
            await accounts.sign_out(token)
        response = _see("/sign-in")
        response.delete_cookie(people.COOKIE, path="/")
        return response

    async def show_set_up(self, request: Request) -> Response:
        """Show the set-up page of a fresh installation, while its link is good."""
        if not await accounts.is_set_up_token(request.path_params["token"]):
            return documents.error(request, 404)
        return documents.document("set_up.html", action=request.url.path)

    async def set_up(self, request: Request) -> Response:
        """Make the first workspace and its admin, who then signs in."""
        if refusal := self._refuse_foreign(request):
            return refusal
        form = await _form(request)
        attrs = {name: str(value) for name, value in form.items()}
        attrs["workspace"] = attrs.get("workspace_name", "")
        try:
            result = await accounts.set_up(request.path_params["token"], attrs)
        except NotPermitted:
            return documents.error(request, 404)
        if isinstance(result, Error):
            errors = dict(result.error.errors)
            errors["workspace_name"] = errors.pop("workspace", [])
            return documents.document(
                "set_up.html",
                422,
                action=request.url.path,
                values={name: value for name, value in attrs.items() if name != "password"},
                errors=errors,
            )
        return _see("/sign-in")

    def _page(
        self,
        *,
        status: int = 200,
        error: str | None = None,
        email: str = "",
        next: str | None = None,  # noqa: A002 (the parameter's name in addresses)
    ) -> Response:
        demo = (
            {"emails": _DEMO, "password": accounts.DEVELOPMENT_PASSWORD}
            if self._settings.is_development
            else None
        )
        return documents.document(
            "sign_in.html", status, error=error, email=email, next=next, demo=demo
        )

    async def _enter(self, signed_in: SignedIn, goal: str | None) -> Response:
        if goal is None:
            goal = f"/w/{signed_in.workspace_slug}" if signed_in.workspace_slug else "/"
        response = _see(goal)
        response.set_cookie(
            people.COOKIE,
            signed_in.token,
            max_age=accounts.SESSION_DAYS * 86_400,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._settings.is_secure,
        )
        return response

    def _refuse_foreign(self, request: Request) -> Response | None:
        if is_own_origin(request, self._settings):
            return None
        return documents.error(request, 403)


def is_own_origin(request: Request, settings: Settings) -> bool:
    """Whether a state-changing request comes from one of this app's own pages."""
    return request.headers.get("origin") in settings.allowed_origins


def local_path(text: str | None) -> str | None:
    r"""Return a path of this app from a ``next`` parameter, or None for anything else.

    Browsers read a backslash as a slash and drop tabs and line ends, so those are refused whole.
    """
    if not text or not text.startswith("/") or len(text) > 2000:
        return None
    if text.startswith("//") or any(each in text for each in "\\\t\r\n") or not text.isprintable():
        return None
    parts = urlsplit(text)
    if parts.scheme or parts.netloc:
        return None
    return text


def sign_in_address(path: str) -> str:
    """Return the sign-in page's address that comes back to ``path``."""
    return f"/sign-in?next={quote(path, safe='')}"


async def _form(request: Request) -> Mapping[str, str]:
    # Read by hand: a body without a declared length would otherwise be held whole, however long.
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_LIMIT:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _words(changeset: Changeset) -> str:
    if accounts.WRONG in changeset.errors_on("password"):
        return accounts.WRONG
    return "Give your email and your password."


def _see(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})
