"""`n` and `last`, and the Link to the next page. distribution-spec, "Listing Tags"; RFC 8288."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request

from moorage.domain.errors import PageInvalid

PAGE_LIMIT = 1_000  # entries
_POSITION_LIMIT = 255  # characters: no name, tag or digest is longer


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many entries, after which one."""

    n: int
    last: str


def page_of(request: Request) -> PageRequest:
    """Read `n` (0 is an empty page; more than a page can have is a full one) and `last`. Raises PageInvalid."""
    text = request.query_params.get("n", str(PAGE_LIMIT))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise PageInvalid("n is a whole number, 0 or more", n=text[:50])
    last = request.query_params.get("last", "")
    if len(last) > _POSITION_LIMIT or not last.isascii() or not last.isprintable():
        raise PageInvalid(f"last is the last entry of the page before, of at most {_POSITION_LIMIT} characters")
    return PageRequest(min(int(text), PAGE_LIMIT), last)


def link_next(request: Request, **parameters: str | int | None) -> dict[str, str]:
    """Return the Link header to the page that follows."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None}, quote_via=quote)
    return {"link": f'<{request.scope["path"]}?{query}>; rel="next"'}
