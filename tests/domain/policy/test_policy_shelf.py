"""Statements on a shelf: what is found is what holds, and few of them are looked at."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import bounded

from moorage.domain.policy.conditions import holds
from moorage.domain.policy.keys import SPAN, keys_of
from moorage.domain.policy.shelf import shelve
from moorage.domain.policy.statement import Statement, SubjectKind

TIME, USER, NAME = "request.utc-timestamp.time-of-day", "request.user.id", "target.repo.name"
MOMENTS = ["00:00:00z", "09:00:00z", "09:00:01z", "17:00:00z", "23:59:59z"]
MANY = 100


class _Counted(dict):
    """Facts that count how often they are asked for."""

    asked = 0

    def __getitem__(self, variable):
        self.asked += 1
        return super().__getitem__(variable)


def _statement(condition):
    return Statement(repr(condition), SubjectKind.ANY_USER, (), frozenset(), "root", condition)


def _find(facts, *conditions):
    return shelve([("policy", _statement(condition)) for condition in conditions]).find(facts)


_moments = st.sampled_from(MOMENTS)
_ordered = st.one_of(
    st.tuples(st.sampled_from(["before", "after"]), st.just(TIME), _moments).map(list),
    st.tuples(st.just("between"), st.just(TIME), _moments, _moments).map(list),
)
_texts = st.builds(
    lambda operator, variable, text: [operator, variable, ["text", text]],
    st.sampled_from(["=", "!="]),
    st.sampled_from([USER, NAME]),
    st.sampled_from(["a", "b"]),
)
_conditions = st.recursive(
    _ordered | _texts,
    lambda each: st.builds(
        lambda kind, parts: [kind, *parts], st.sampled_from(["all", "any"]), st.lists(each, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.lists(_conditions, min_size=1, max_size=3), _moments, st.sampled_from("ab"), st.sampled_from(["a", "b", None])
)
@settings(bounded, max_examples=400)
def test_a_statement_is_found_where_one_holds(conditions, moment, user, name):
    facts = {TIME: moment, USER: user, NAME: name}

    found = _find(facts, *conditions)

    assert (found is not None) is any(holds(condition)(facts) for condition in conditions)
    assert found is None or holds(found.statement.condition)(facts)


@given(st.lists(_ordered, min_size=2, max_size=3), _moments)
@bounded
def test_times_that_are_to_hold_together_are_where_they_overlap(times, moment):
    facts = {TIME: moment}

    assert (_find(facts, ["all", *times]) is not None) is all(holds(each)(facts) for each in times)


def test_times_over_midnight_that_are_to_hold_together_stay_as_many_as_they_are():
    nights = [
        ["between", TIME, f"2{hour}:{minute:02}:00Z", f"0{hour}:{minute:02}:00Z"]
        for hour in "12"
        for minute in range(50)
    ]

    assert {(TIME, SPAN, "22:49:00z", "\U0010ffff"), (TIME, SPAN, "", "01:00:00z\0")} == keys_of(["all", *nights])


def test_times_that_never_meet_are_looked_at_in_no_request():
    never = ["all", ["before", TIME, "09:00:00Z"], ["after", TIME, "17:00:00Z"]]

    assert frozenset() == keys_of(never)
    assert all(_find({TIME: moment, USER: "a"}, never, ["any", never, never]) is None for moment in MOMENTS)
    assert _find({TIME: MOMENTS[0], USER: "a"}, ["any", never, ["=", USER, ["text", "a"]]])


@pytest.mark.parametrize(
    "condition",
    [
        lambda number: [
            "all",
            ["after", TIME, "01:00:00Z"],
            ["before", TIME, f"02:{number % 60:02}:{number // 60:02}Z"],
        ],
        lambda number: [
            "all",
            ["before", TIME, "14:00:00Z"],
            ["after", TIME, f"13:{number % 60:02}:{number // 60:02}Z"],
        ],
        lambda number: ["=", NAME, ["text", f"team-{number}"]],
        lambda number: ["=", NAME, ["like", f"team-{number}/*"]],
        lambda number: ["all", ["!=", USER, ["text", f"user-{number}"]], ["!=", NAME, ["like", "web/*"]]],
    ],
    ids=["a span before", "a span after", "a text", "a pattern", "a test that all have"],
)
def test_many_statements_that_do_not_hold_are_one_question(condition):
    facts = _Counted({TIME: "12:00:00z", USER: "ana", NAME: "web/app"})

    assert _find(facts, *map(condition, range(MANY))) is None
    assert facts.asked == 1
