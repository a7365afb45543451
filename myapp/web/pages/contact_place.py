"""The place in the list of contacts: what is searched, how it is sorted, which page.

It lives in the address, so it survives a reload, a form opened beside the list, another process, and can
be sent to others.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from myapp.contacts import ContactQuery

_SEARCH_MAX = 200
_PAGE_DIGITS = 6


def read(params: Mapping[str, Any]) -> ContactQuery:
    """Return the place an address names; what it does not say, or says wrongly, is the default."""
    sort = str(params.get("sort") or "name")
    page = str(params.get("page") or "1")
    return ContactQuery(
        search=words(str(params.get("search") or "")),
        sort=sort.removeprefix("-"),
        is_descending=sort.startswith("-"),
        page=int(page) if page.isdecimal() and len(page) <= _PAGE_DIGITS else 1,
    )


def write(query: ContactQuery) -> str:
    """Return the query string of a place, with its question mark; nothing for the default."""
    said: dict[str, str] = {}
    if query.search:
        said["search"] = query.search
    if (query.sort, query.is_descending) != ("name", False):
        said["sort"] = ("-" if query.is_descending else "") + query.sort
    if query.page > 1:
        said["page"] = str(query.page)
    return f"?{urlencode(said)}" if said else ""


def words(text: str) -> str:
    """Return what is searched for, without what no database can be asked for."""
    # Neither NUL nor half a surrogate pair; a browser can send both.
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()[:_SEARCH_MAX]
