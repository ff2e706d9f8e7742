"""What the statements of policies say while the tree of compartments changes under them."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.directory.acting import make_compartment, make_policy
from tests.directory.invariants import check
from tests.factories import limits
from tests.fakes import Clock, Dice
from tests.strategies import bounded

from moorage.domain.directory import Compartment, State
from moorage.domain.errors import AlreadyExists, ParameterInvalid, StateConflict
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.parsing import parse_statement
from moorage.domain.tenancy import CompartmentNode
from moorage.operations.directory import compartments, policies
from moorage.stores.memory import memory_stores

NAMES = ["a", "b", "A", "id", "where"]
SAYS = "Allow any-user to read repos in compartment"


class Tree:
    """Compartments and policies that come, go and change as hypothesis draws it."""

    def __init__(self, data):
        self.stores = memory_stores(limits(), clock=Clock(), entropy=Dice())
        self._draw = data.draw
        self.written = {}  # policy -> its statement as it was written
        self.deleted = {}  # id -> where it was, under the name that it has since
        for _ in range(5):
            with suppress(AlreadyExists):
                self.create()
        for number in range(3):
            self.write(f"p{number}")

    @property
    def tenancy(self):
        return self.stores.directory.tenancy()

    def _one(self):
        return self._draw(st.sampled_from(sorted(one.id for one in self.stores.directory.all(Compartment))))

    def _place(self):
        return self._draw(st.sampled_from([self.tenancy.id, *self.tenancy.compartments]))

    def _name(self):
        return self._draw(st.sampled_from(NAMES))

    def write(self, name):
        """Attach a policy with a path to a compartment, which may begin with its own if that leads anywhere."""
        tenancy, attached = self.tenancy, self._place()
        place = self._draw(st.sampled_from(tenancy.subtree(attached)))
        up = [each for each in tenancy.ancestors(place) if each not in tenancy.ancestors(attached)]
        own = [attached] if attached != tenancy.id and self._draw(st.booleans()) else []
        path = ":".join(tenancy.compartments[each].name for each in (*own, *reversed(up)))
        form = self._draw(st.sampled_from([" {} ", "\t{}", "'{}'", " '{}' "]))
        text = f"{SAYS}{form.format(path)}{self._draw(st.sampled_from(['', ' where request.user.name = 1']))}"
        with suppress(ParameterInvalid):
            made = make_policy(self.stores, text, name=name, compartment=attached)
            self.written[made.id] = self.tenancy.policies[made.id].statements[0]

    def create(self):
        make_compartment(self.stores, self._name(), self._place())

    def rename(self):
        compartments.update_compartment(self.stores, self.tenancy, self._one(), name=self._name())

    def move(self):
        compartments.move_compartment(self.stores, self.tenancy, self._one(), self._place())

    def delete(self):
        gone, _ = compartments.delete_compartment(self.stores, self.tenancy, self._one())
        self.deleted[gone.id] = CompartmentNode(gone.compartment_id, gone.name)
        return gone.id

    def recover(self):
        compartments.recover_compartment(self.stores, self.tenancy, self._one())

    def texts(self):
        return {key: node.statements[0].text for key, node in self.tenancy.policies.items()}


def compiled(tenancy, policy, text):
    """Return what a text would mean if it were written now; None for nothing."""
    with suppress(ParameterInvalid):
        return compile_policy(tenancy, policy.compartment_id, [text])[0]
    return None


@given(st.data())
@bounded
def test_whatever_is_done_to_the_tree_a_statement_can_be_written_as_it_is_shown_and_means_what_it_did(data):
    tree = Tree(data)
    for _ in range(data.draw(st.integers(1, 8))):
        before = tree.texts()
        step = data.draw(st.sampled_from([tree.create, tree.rename, tree.move, tree.delete, tree.recover]))
        with suppress(AlreadyExists, StateConflict):
            gone = step()
            tenancy = tree.tenancy
            if step == tree.delete:  # what named it has its new name, with which it can come back
                tenancy = replace(tenancy, compartments={**tenancy.compartments, gone: tree.deleted[gone]})
            _check_statements(tree, tenancy, before)
    check(tree.stores)


def _check_statements(tree, tenancy, before):
    for key, policy in tenancy.policies.items():
        (now,), written = policy.statements, tree.written[key]
        place = parse_statement("", written.text).place
        assert written == replace(now, text=written.text)
        assert now.text.startswith(written.text[: place.at])
        assert now.text.endswith(written.text[place.end :])
        meant = compiled(tenancy, policy, before[key])
        in_reach = policy.compartment_id in tenancy.ancestors(now.location)
        if in_reach:
            assert now == compiled(tenancy, policy, now.text)
        if not in_reach or (meant and meant.location == now.location):
            assert before[key] == now.text


def test_a_statement_of_a_deleted_compartment_has_its_new_name_and_covers_it_when_it_is_back(clock):
    stores = memory_stores(limits(), clock=clock)
    parent = make_compartment(stores, "parent")
    child = make_compartment(stores, "child", parent.id)
    policy = make_policy(stores, f"{SAYS} parent:child")

    def shown():
        return policies.texts_of(stores.directory.tenancy(), policy)

    gone, _ = compartments.delete_compartment(stores, stores.directory.tenancy(), child.id)
    assert [f"{SAYS} parent:{gone.name}"] == shown()

    make_compartment(stores, "child", parent.id)
    compartments.update_compartment(stores, stores.directory.tenancy(), parent.id, name="other")
    assert State.ACTIVE is compartments.recover_compartment(stores, stores.directory.tenancy(), child.id).state
    assert [f"{SAYS} other:{gone.name}"] == shown()
    (statement,) = stores.directory.tenancy().policies[policy.id].statements
    assert child.id == statement.location
