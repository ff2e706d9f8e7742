"""Lists of the cloud plane and token requests in a small tenancy and in a large one: what one request reads.

`measure() -> Part`.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tests.bench.calls import counted
from tests.bench.client import TOKEN_PATH, Answer, Client, scope
from tests.bench.figures import Figure, Part, table
from tests.bench.partitions import ranges_only
from tests.bench.registry import NAMESPACE, Registry, running_registry
from tests.bench.tenancy import (
    LAYERS,
    PushedImage,
    Signer,
    add_compartment,
    add_groups,
    add_member,
    add_policy,
    add_repository,
    administrator,
)
from tests.bench.wire import Recording, Wire

from moorage.domain.access import SCOPE_LIMIT
from moorage.domain.ocid import repository_ocid
from moorage.domain.repository import Repository
from moorage.operations.repository_lists import AT_ONCE, READS
from moorage.stores.keys import SHARDS

FEW_REPOSITORIES, MANY_REPOSITORIES = 50, 500
FEW_IMAGES, MANY_IMAGES = 100, 100_000
FEW_GROUPS, MANY_GROUPS = 2, 20
FEW_POLICIES, MANY_POLICIES = 2, 100  # with that of administrators
FEW_STATEMENTS, MANY_STATEMENTS = 3, 500
PAGE = 10  # entries asked for
REACH = 4  # calls that decide a token request

_PATH = "/20160918/container"
_TEAM = "team"
_CORNER = "corner"  # the compartment of the oldest repository alone


@dataclass(frozen=True, slots=True)
class Reads:
    """What a request read."""

    calls: int
    rows: int
    units: float
    filtered: bool

    @classmethod
    def of(cls, recording: Recording) -> "Reads":
        """Sum what was recorded."""
        calls = recording.calls
        return cls(
            calls=len(calls),
            rows=sum(call.items for call in calls),
            units=sum(call.read_units for call in calls),
            filtered=any(call.filtered for call in calls),
        )

    def __str__(self) -> str:
        return f"{self.calls} calls, {self.rows:,} rows, {self.units:,g} read units"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, and how many pages after the first the later one is."""

    title: str
    target: str
    later: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What a request read in the small tenancy and in the large one."""

    title: str
    few: Reads
    many: Reads

    @property
    def same(self) -> bool:
        """Whether what there is changes nothing; a filter would read more rows than it shows."""
        return self.few == self.many and not (self.few.filtered or self.many.filtered)

    @property
    def decided(self) -> bool:
        """Whether few calls are enough, and as many rows are read as in the small tenancy; one of them has grown."""
        return self.many.calls <= REACH and (self.few.calls, self.few.rows) == (self.many.calls, self.many.rows)


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured."""

    repositories: list[Compared]
    images: list[Compared]
    tokens: list[Compared]
    growing: list[Compared]


class Bench:
    """A registry that grows while it is measured."""

    def __init__(self, registry: Registry, wire: Wire) -> None:
        self._registry = registry
        self._wire = wire
        self._stores = registry.stores
        self._root = registry.made.tenancy_id
        self._admin = administrator(registry)
        self._team, self._corner = (add_compartment(self._stores, name) for name in (_TEAM, _CORNER))
        self._developer, self._reader = (add_member(self._stores, name) for name in ("developer", "reader"))
        add_groups(self._stores, self._reader, ["readers"])
        add_groups(self._stores, self._developer, map(_group, range(FEW_GROUPS)))
        seeing = f"Allow group readers to inspect repos in compartment {_CORNER}"
        add_policy(self._stores, _policy(0), [seeing, _statement(0, f"{_TEAM}/*")])
        self._repositories: list[Repository] = []

    def run(self) -> Found:
        """Measure, grow, and measure again, one thing after the other."""
        self._grow_repositories(FEW_REPOSITORIES)
        pushed = PushedImage.push(self._registry, self._repositories[0])
        pushed.copy(range(FEW_IMAGES))
        repositories, growing, tokens = self._lists(self._places()), self._growing(), self._tokens()
        self._grow_repositories(MANY_REPOSITORIES)
        found_repositories = _compare(repositories, self._lists(self._places()))
        found_growing = _compare(growing, self._growing())
        images = self._lists(self._orders())
        pushed.copy(range(FEW_IMAGES, MANY_IMAGES))
        found_images = _compare(images, self._lists(self._orders()))
        self._grow_rules()
        return Found(found_repositories, found_images, _compare(tokens, self._tokens()), found_growing)

    def _grow_repositories(self, number: int) -> None:
        """Make repositories until there are so many: the oldest in a corner, of the others every second in a team."""
        for count in range(len(self._repositories), number):
            where = (self._root, self._team)[count % 2] if count else self._corner
            name = f"{NAMESPACE}/{_repository(count)}"
            self._repositories.append(add_repository(self._stores, name, where, self._registry.made.user.id))

    def _grow_rules(self) -> None:
        """Make groups with the developer in them, and policies, until there are so many."""
        add_groups(self._stores, self._developer, map(_group, range(FEW_GROUPS, MANY_GROUPS)))
        left = [_statement(number, f"*-{number:06}") for number in range(FEW_STATEMENTS, MANY_STATEMENTS)]
        policies = MANY_POLICIES - FEW_POLICIES
        for number in range(policies):
            add_policy(self._stores, _policy(number + 1), left[number::policies])

    def _places(self) -> list[Listing]:
        """Return the lists of repositories."""
        path = f"{_PATH}/repositories?limit={PAGE}&compartmentId="
        return [
            Listing("repositories of the root", path + self._root, 1),
            Listing("repositories of a compartment", path + self._team, 1),
            Listing("repositories of the tenancy", f"{path}{self._root}&compartmentIdInSubtree=true", 3),
        ]

    def _orders(self) -> list[Listing]:
        """Return the lists of images of one repository."""
        one = repository_ocid(self._repositories[0].id)
        path = f"{_PATH}/images?limit={PAGE}&compartmentId={self._corner}&repositoryId={one}"
        return [
            Listing("images, the newest first", path, 7),
            Listing("images, by name", f"{path}&sortBy=DISPLAYNAME", 7),
        ]

    def _lists(self, listings: Sequence[Listing]) -> dict[str, Reads]:
        """Ask for the first page of each list and for one further on."""
        found = {}
        for listing in listings:
            following, found[f"{listing.title}, first page"] = self._page(listing.target)
            for _ in range(listing.later):
                following, reads = self._page(f"{listing.target}&page={following}")
            found[f"{listing.title}, a later page"] = reads
        return found

    def _page(self, target: str) -> tuple[str, Reads]:
        """Ask for a page that is full; return where the next one begins, and what was read."""
        answer, reads = self._signed(target, self._admin)
        assert len(json.loads(answer.data)["items"]) == PAGE, f"{target}: a page must be full"
        return quote(answer.headers["opc-next-page"]), reads

    def _growing(self) -> dict[str, Reads]:
        """Ask for what is no range of rows."""
        path = f"limit={PAGE}&compartmentId={self._root}&compartmentIdInSubtree=true"
        answer, seen = self._signed(f"{_PATH}/repositories?{path}", self._reader.signer)
        assert len(json.loads(answer.data)["items"]) == 1, "the reader must see the oldest repository"
        answer, images = self._signed(f"{_PATH}/images?{path}", self._admin)
        assert len(json.loads(answer.data)["items"]) == PAGE, "a page must be full"
        return {
            "repositories of the tenancy, for a user who may see only the oldest": seen,
            "images of the tenancy, all repositories": images,
        }

    def _tokens(self) -> dict[str, Reads]:
        """Ask for a token for as many repositories as one can be for, with a password and with a signature."""
        scopes = [scope(f"{NAMESPACE}/{_repository(number)}", "pull,push") for number in range(SCOPE_LIMIT)]
        client = Client(self._registry.address, self._developer.login)
        with closing(client), self._wire.recording() as recording:
            client.authorize(*scopes)
        pairs = [("service", self._registry.address), *(("scope", one) for one in scopes)]
        answer, reads = self._signed(f"{TOKEN_PATH}?{urlencode(pairs)}", self._developer.signer)
        given = json.loads(answer.data)["scope"].split()
        assert len(given) == SCOPE_LIMIT, "all that was asked for must be given"
        return {"token, password": Reads.of(recording), "token, signed": reads}

    def _signed(self, target: str, signer: Signer) -> tuple[Answer, Reads]:
        address = self._registry.address
        client = Client(address)
        with closing(client), self._wire.recording() as recording:
            answer = client.get(target, headers=signer.headers(target, address))
        return answer, Reads.of(recording)


def measure() -> Part:
    """Measure each request in both tenancies."""
    with counted() as (_, wire), ranges_only(), running_registry(wire.endpoint) as registry:
        found = Bench(registry, wire).run()
    return Part([*_pages(found), _decisions(found.tokens)], _section(found))


def _repository(number: int) -> str:
    return f"{_TEAM}/app-{number:06}"


def _group(number: int) -> str:
    return f"developers-{number:02}"


def _policy(number: int) -> str:
    return f"rules-{number:03}"


def _statement(number: int, names: str) -> str:
    """Write what is about the developer, and grants all that is asked for where the name is so."""
    return f"Allow group {_group(number % MANY_GROUPS)} to manage repos in tenancy where target.repo.name = /{names}/"


def _compare(few: Mapping[str, Reads], many: Mapping[str, Reads]) -> list[Compared]:
    return [Compared(title, reads, many[title]) for title, reads in few.items()]


def _pages(found: Found) -> list[Figure]:
    """Judge the lists; the first page of the first one is told of."""
    sizes = (
        ("repositories", found.repositories, f"{MANY_REPOSITORIES} against {FEW_REPOSITORIES}"),
        ("images", found.images, f"{MANY_IMAGES:,} against {FEW_IMAGES}"),
    )
    return [
        Figure(
            f"reads of a page of {what}, {against}",
            "-",
            "the same",
            f"{pages[0].many} against {pages[0].few}",
            all(page.same for page in pages),
        )
        for what, pages, against in sizes
    ]


def _decisions(tokens: list[Compared]) -> Figure:
    return Figure(
        "reads to decide a token request",
        "-",
        f"at most {REACH}, the same for many policies, groups and repositories",
        "; ".join(
            f"{one.many.calls} calls, {one.many.rows} rows against {one.few.calls} calls, {one.few.rows} rows"
            for one in tokens
        ),
        all(one.decided for one in tokens),
    )


def _section(found: Found) -> str:
    return f"""\
## Management

Lists of the cloud plane, asked with `limit={PAGE}` by an administrator whose API key signs. A later page is asked for
by the `opc-next-page` of the page before. With a page come the caller and the rules (one call), the places of its
entries (one Query), and the entries themselves: of repositories all records (one call), the counters of each (a Query
each) and how many there are; of images the repository, all manifests (one call) and the tags of each (a Query each).

{_rows(found.repositories, f"{FEW_REPOSITORIES} repositories", f"{MANY_REPOSITORIES} repositories")}
The oldest repository is in a compartment of its own, of the others every second one is in the root. Each has all
{SHARDS} rows of counters, as after many pushes: these are most of the rows.

{_rows(found.images, f"{FEW_IMAGES} images", f"{MANY_IMAGES:,} images")}
The images are in one repository, each with a tag and {LAYERS} layers: copies, under keys of their own, of the rows that
a push has written, laid into moto's table within its process. moto's Query is shown only the rows of its range, for it
would sort all of them; what it answers is the same.

Two lists are no range of rows, and read more where there is more, so no figure says that they do not. What a caller
may see only some of is looked for among all, {AT_ONCE} places a call and {READS * AT_ONCE:,} at most in one request.
Images of several repositories are merged from all of them, by a Query for each.

{_rows(found.growing, f"{FEW_REPOSITORIES} repositories", f"{MANY_REPOSITORIES} repositories")}
A token for {SCOPE_LIMIT} repositories is asked for by a user of {FEW_GROUPS} groups, where there are {FEW_POLICIES}
policies with {FEW_STATEMENTS} statements and {FEW_REPOSITORIES} repositories, and by the same user in {MANY_GROUPS}
groups, where there are {MANY_POLICIES} policies with {MANY_STATEMENTS} statements and {MANY_REPOSITORIES} repositories.
All rules are one row, compressed, and all that a user is in is in the user's: with more they are larger, so units may
grow where calls and rows do not. A password costs one call more than a signature: its user is found by name, and
wrong passwords are counted.

{_rows(found.tokens, "small tenancy", "large tenancy")}"""


def _rows(compared: Sequence[Compared], few: str, many: str) -> str:
    return table(("request", few, many), [(one.title, str(one.few), str(one.many)) for one in compared])
