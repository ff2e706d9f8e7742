"""The page on cost is arithmetic over what is in the repository, and the arithmetic is right."""

import re
from dataclasses import replace

import pytest
from tests.bench.cost import PRICES, Model, Setup, read_prices
from tests.bench.costpage import PAGE, REACH, current_model, render
from tests.bench.units import Index, bytes_stored, size_of, units_to_read, units_to_write
from tests.bench.usage import Measured, Usage, Work

NOTHING = Usage(
    rest_requests=0,
    http_requests=0,
    http_pieces=0,
    functions={},
    read_units=0,
    write_units=0,
    s3_writes=0,
    s3_reads=0,
    downloads=0,
    access_lines=0,
    access_bytes=0,
    rows=0,
    row_bytes=0,
)
WORK = Work(invocations=2, cpu_ms=4.0, dynamodb_calls=2, s3_calls=1, log_lines=2, log_bytes=600)
SETUP = Setup(
    memory_mib={"v2_pull": 512, "authorizer": 256},
    architecture="arm64",
    alarm_metrics=9,
    sweeps_an_hour=12,
    relay_cpus=1,
    relay_gib=2,
    own_key=False,
)
INDEX = Index(keys=frozenset({"holder", "pk"}), copied=frozenset({"holder", "pk", "sk"}))


@pytest.fixture(scope="module")
def measured():
    return Measured.read()


@pytest.fixture
def model():
    return Model(read_prices(), SETUP, {"v2_pull": 315, "authorizer": 115})


def dollars(model, usage, component):
    return next((line.dollars for line in model.lines(usage) if line.component == component), 0)


def row(**attributes):
    return {name: {"S": value} for name, value in attributes.items()}


def test_the_page_is_current(measured):
    """
    Whoever changes a price, the template or what is measured writes the page anew: python -m tests.bench.costpage.
    """
    assert render(current_model(measured), measured) == PAGE.read_text(encoding="utf-8")


def test_a_million_pulls_stay_below_the_limit(measured):
    """
    100 dollars, without the bytes that leave AWS.
    """
    assert 0 < 1_000_000 * current_model(measured).dollars(measured.pull) <= REACH


def test_every_function_of_a_pull_and_a_push_is_in_it(measured):
    """
    The gateway asks the authorizer before each request to /v2: leaving it out would be cheap.
    """
    assert {"authorizer", "tokens", "v2_pull"} == measured.pull.functions.keys()
    assert {"authorizer", "tokens", "v2_pull", "v2_push"} == measured.push.functions.keys()
    assert measured.pull.rest_requests == measured.pull.functions["authorizer"].invocations


@pytest.mark.parametrize(
    ("field", "quantity", "component", "expected"),
    [
        ("rest_requests", 1_000_000, "requests to the registry", 3.50),
        ("http_requests", 1_000_000, "requests for a token", 1.00),
        ("read_units", 1_000_000, "reads of rows", 0.125),
        ("write_units", 1_000_000, "writes of rows", 0.625),
        ("s3_writes", 1_000, "writes of objects", 0.005),
        ("s3_reads", 1_000, "reads of objects", 0.0004),
        ("downloads", 1_000, "downloads of objects", 0.0004),
        ("access_bytes", 10**9, "logs", 0.50),
    ],
)
def test_what_is_counted_costs_its_price(model, field, quantity, component, expected):
    """
    As AWS says it: dollars a million requests or units, a thousand calls to S3, a gigabyte of logs.
    """
    usage = replace(NOTHING, **{field: quantity})

    assert pytest.approx(expected) == dollars(model, usage, component)
    assert pytest.approx(expected) == model.dollars(usage)


def test_a_function_is_billed_for_its_processor_time_and_its_waiting(model):
    """
    4 ms on 512 of 1,769 MiB are 13.8 ms; two calls to DynamoDB and one to S3 are 30 ms; half of it each, rounded up.
    """
    assert 22 == model.milliseconds("v2_pull", WORK)
    assert pytest.approx(2 * 0.022 * 0.5) == model.gb_seconds("v2_pull", WORK)


def test_more_memory_than_a_processor_makes_nothing_faster(model):
    """
    From 1,769 MiB on a function has a whole processor, and one request uses no second one.
    """
    assert 17 == model.but(memory_mib={"v2_pull": 4096}).milliseconds("v2_pull", WORK)


def test_invocations_time_and_cold_starts_are_priced(model):
    """
    Each has a line; one in a hundred invocations is cold, and pays for 85 ms and its own start.
    """
    usage = replace(NOTHING, functions={"v2_pull": WORK})

    assert pytest.approx(2 * 0.20e-6) == dollars(model, usage, "invocations")
    assert pytest.approx(0.022 * 0.0000133334) == dollars(model, usage, "time of functions")
    assert pytest.approx(2 * 0.01 * 0.400 * 0.5 * 0.0000133334) == dollars(model, usage, "their cold starts")


def test_logs_are_lines_of_three_writers(model):
    """
    CloudWatch counts 26 bytes beside each line; Lambda's own lines can be switched off, the access log too.
    """
    usage = replace(NOTHING, functions={"v2_pull": WORK}, access_lines=1, access_bytes=200)

    whole, quiet = model.log_bytes(usage), model.but(platform_lines=False)

    assert 600 + 2 * 26 + 200 + 26 == quiet.log_bytes(usage)
    assert 600 + 2 * 26 == quiet.but(access_log=False).log_bytes(usage)
    assert 2 * 3 * 26 < whole - quiet.log_bytes(usage) < 2 * 3 * 200


def test_an_http_api_counts_large_bodies_in_pieces(model):
    """
    It takes a dollar a million instead of 3.50, but for each 512 KB.
    """
    usage = replace(NOTHING, rest_requests=10, http_pieces=30)

    assert pytest.approx(30e-6) == model.but(front="http_api").dollars(usage)
    assert pytest.approx(35e-6) == model.dollars(usage)


def test_an_authorizer_whose_answer_is_kept_is_asked_less(model):
    """
    A share of its work, or none of it.
    """
    usage = replace(NOTHING, functions={"authorizer": Work(14, 14.0, 0, 0, 14, 1400)})

    once = dollars(model.but(authorizers=1), usage, "invocations")

    assert pytest.approx(0.20e-6) == once
    assert [] == model.but(authorizers=0).lines(usage)


def test_an_idle_month_costs_sweeps_and_alarms(model):
    """
    730 hours of twelve sweeps, and ten cents an alarm.
    """
    idle = model.idle(replace(NOTHING, read_units=4))

    assert pytest.approx(730 * 12 * 4 * 0.125e-6) == idle["sweeping"]
    assert pytest.approx(0.90) == idle["alarms"]


def test_every_price_has_a_source_and_a_date():
    """
    And is used: a price that nothing reads is not kept.
    """
    code = "".join(path.read_text(encoding="utf-8") for path in PRICES.parent.glob("cost*.py"))
    prices = read_prices()

    assert all(price.source and re.fullmatch(r"20\d\d(-\d\d){0,2}", price.date) for price in prices.values())
    assert all(price.dollars > 0 and price.unit for price in prices.values())
    assert [] == [name for name in prices if not re.search(f"""["']{name}["']""", code) and "lambda_" not in name]


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ({"S": "größe"}, 7),
        ({"N": "1234567"}, 4),
        ({"BOOL": True}, 1),
        ({"B": "AAECAw=="}, 4),
        ({"B": b"\x00\x01\x02\x03"}, 4),
        ({"SS": ["ab", "cde"]}, 5),
        ({"BS": ["AAECAw==", "AAE="]}, 6),
    ],
)
def test_rows_have_the_size_that_dynamodb_counts(attribute, expected):
    """
    Names and texts in UTF-8, two digits a byte, bytes as they are and not as JSON has them.
    """
    assert len("name") + expected == size_of({"name": attribute})


@pytest.mark.parametrize(
    ("operation", "request_", "answer", "expected"),
    [
        ("GetItem", {"ConsistentRead": True}, {"Item": row(a="x" * 4095)}, 1),
        ("GetItem", {"ConsistentRead": True}, {"Item": row(a="x" * 4096)}, 2),
        ("GetItem", {"ConsistentRead": False}, {"Item": row(a="x")}, 0.5),
        ("GetItem", {"ConsistentRead": True}, {}, 1),
        ("Query", {"ConsistentRead": True}, {"Items": [row(a="x" * 2100)] * 3}, 2),
        ("Query", {}, {"Items": []}, 0.5),
        (
            "BatchGetItem",
            {"RequestItems": {"t": {"Keys": [{}, {}, {}], "ConsistentRead": True}}},
            {"Responses": {"t": [row(a="x"), row(a="x" * 5000)]}},
            4,
        ),
        ("PutItem", {}, {}, 0),
    ],
)
def test_reads_are_charged_by_four_kilobytes(operation, request_, answer, expected):
    """
    Each row of a get alone, the rows of a Query together; what is not there like a small row.
    """
    assert expected == units_to_read(operation, request_, answer)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, row(pk="1", sk="2"), 1),
        (row(pk="1", sk="2", a="x" * 3000), row(pk="1", sk="2"), 3),
        (None, row(pk="1", sk="2", holder="h"), 1 + 1),
        (row(pk="1", sk="2", holder="h"), row(pk="1", sk="2", holder="i"), 1 + 2),
        (row(pk="1", sk="2", holder="h"), row(pk="1", sk="2", holder="h", a="x"), 1),
        (row(pk="1", sk="2", holder="h"), row(pk="1", sk="2"), 1 + 1),
        (row(pk="1", sk="2", holder="h"), None, 1 + 1),
    ],
)
def test_writes_are_charged_by_one_kilobyte_and_by_what_indexes_take(before, after, expected):
    """
    The larger of the two forms of a row; an entry of an index is written, removed, or both when its key changes.
    """
    assert expected == units_to_write(before, after, [INDEX], transaction=False)
    assert 2 * expected == units_to_write(before, after, [INDEX], transaction=True)


def test_a_row_is_stored_once_and_once_for_each_index_that_has_it():
    """
    100 bytes come on top of each.
    """
    assert 100 + len("pk1sk2") == bytes_stored(row(pk="1", sk="2"), [INDEX])
    assert 200 + 2 * len("pk1sk2holderh") + len("ax") == bytes_stored(row(pk="1", sk="2", holder="h", a="x"), [INDEX])
