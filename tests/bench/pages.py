"""Pages of tags, referrers and the catalog with 1,000 and with 100,000 entries: what one page reads."""

from dataclasses import dataclass
from urllib.parse import quote

from tests.bench.backend import clear_partition, lay_rows
from tests.bench.calls import counted
from tests.bench.client import scope, texts
from tests.bench.entries import ANNOTATION_BYTES, LISTINGS, Listing
from tests.bench.figures import Figure, Part, table
from tests.bench.images import make_image, make_layer
from tests.bench.registry import NAMESPACE, TABLE, Registry, running_registry
from tests.bench.wire import Recording, Wire

from moorage.domain.names import RepositoryName

FEW = 1_000
MANY = 100_000
PAGE = 100  # entries asked for

_NAME = f"{NAMESPACE}/pages"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a page read."""

    calls: int
    rows: int
    units: float
    filtered: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """One kind of page at both sizes, the first page and one further on."""

    title: str
    few: tuple[Reads, Reads]
    many: tuple[Reads, Reads]

    @property
    def same(self) -> bool:
        """Whether the number of entries changes nothing; a filter would read more rows than it shows."""
        return self.few == self.many and not any(reads.filtered for reads in (*self.few, *self.many))


def measure() -> Part:
    """Measure each listing at both sizes."""
    with counted() as (_, wire), running_registry(wire.endpoint) as registry:
        found = measure_pages(registry, wire)
    figures = [
        Figure(
            f"reads of one page of {page.title}, {MANY:,} entries against {FEW:,}",
            "-",
            "the same",
            f"{_told(page.many[0])} against {_told(page.few[0])}",
            page.same,
        )
        for page in found
    ]
    return Part(figures, _section(found))


def measure_pages(registry: Registry, wire: Wire) -> list[Pages]:
    """Measure each listing, and take its rows away again."""
    with registry.client(scope(_NAME, "pull,push")) as client:
        client.push(_NAME, "zz-a-real-one", make_image(make_layer("pages"), seed="pages"), chunked=False)
    repository = registry.stores.repositories.find(RepositoryName(_NAME))
    assert repository is not None
    return [_measure(registry, wire, listing, repository.id) for listing in LISTINGS]


def _measure(registry: Registry, wire: Wire, listing: Listing, repository_id: str) -> Pages:
    lay_rows(TABLE, listing.rows(repository_id, range(FEW)))
    few = _both(registry, wire, listing, FEW)
    lay_rows(TABLE, listing.rows(repository_id, range(FEW, MANY)))
    many = _both(registry, wire, listing, MANY)
    clear_partition(TABLE, listing.partition(repository_id))
    return Pages(listing.title, few, many)


def _both(registry: Registry, wire: Wire, listing: Listing, entries: int) -> tuple[Reads, Reads]:
    """Ask for the first page and for one further on."""
    first = f"{listing.path.format(name=_NAME)}?n={PAGE}"
    later = f"{first}&last={quote(listing.entry(entries // 10))}"
    return _page(registry, wire, listing, first), _page(registry, wire, listing, later)


def _page(registry: Registry, wire: Wire, listing: Listing, path: str) -> Reads:
    with registry.client(scope(_NAME, "pull"), "registry:catalog:*") as client:
        client.get("/v2/")  # reads the keys that verify tokens, as every function does each 10 s
        with wire.recording() as recording:
            answer = client.get(path)
    assert "link" in answer.headers, f"{path}: more must follow"
    assert len(texts(answer, listing.field)) >= PAGE, f"{path}: a page must be full"
    return _reads(recording)


def _reads(recording: Recording) -> Reads:
    calls = [call for call in recording.calls if call.name == "DynamoDB Query"]
    return Reads(
        calls=len(recording.calls),
        rows=sum(call.items for call in calls),
        units=sum(call.read_units for call in calls),
        filtered=any(call.filtered for call in calls),
    )


def _section(found: list[Pages]) -> str:
    rows = [
        (f"{page.title}, {which}", _told(few), _told(many))
        for page in found
        for which, few, many in zip(("first page", "a later page"), page.few, page.many, strict=True)
    ]
    return f"""\
## Pages

Asked with `n={PAGE}`; the referrers API knows no `n`, so its page is the 1 MB that one Query reads.

{table(("page", f"{FEW:,} entries", f"{MANY:,} entries"), rows)}
The rows are those that the stores write, laid into moto's table within its process: through the API they would be as
many pushes. Rows are what the Query answered; it has no filter, so DynamoDB would evaluate no others. Units are
strongly consistent ones for the size of these rows (moto invents its own). A referrer has {ANNOTATION_BYTES:,} bytes of
annotations: with less, a thousand would fit into one page and there would be no page to compare.
"""


def _told(reads: Reads) -> str:
    return f"{reads.calls} call, {reads.rows} rows, {reads.units:g} read units"
