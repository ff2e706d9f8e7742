"""The functions of CloudFormation that the template uses are computed here as there."""

import pytest

from moorage.devserver.cloudformation import Unknown, Values, read

BODY = {
    "Parameters": {"Name": {"Default": "moorage"}, "Empty": {"Default": ""}, "Number": {"Default": 7}, "Asked": {}},
    "Conditions": {
        "Named": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]},
        "Seven": {"Fn::Equals": [{"Ref": "Number"}, "7"]},
        "Filled": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Empty"}, ""]}]},
    },
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"Ref": "Name"}, "moorage", id="a parameter is its default"),
        pytest.param({"Ref": "Number"}, 7, id="of its own type"),
        pytest.param({"Ref": "Table"}, "t", id="what is given"),
        pytest.param({"Fn::GetAtt": "Bucket.Arn"}, "arn", id="an attribute"),
        pytest.param({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn", id="an attribute as a list"),
        pytest.param({"Fn::Sub": "${Bucket.Arn}/${Name}/*"}, "arn/moorage/*", id="text with several"),
        pytest.param({"Fn::If": ["Named", "yes", {"Ref": "Asked"}]}, "yes", id="what is not chosen need not be known"),
        pytest.param({"Fn::If": ["Filled", "yes", "no"]}, "no", id="otherwise"),
        pytest.param({"Fn::If": ["Seven", "yes", "no"]}, "yes", id="a number is its text"),
        pytest.param({"A": [{"Ref": "Name"}, {"B": 1}]}, {"A": ["moorage", {"B": 1}]}, id="within lists and maps"),
        pytest.param({"Condition": "Named"}, {"Condition": "Named"}, id="a map that is no function"),
    ],
)
def test_a_function_is_computed(value, expected):
    assert expected == Values(BODY, {"Table": "t", "Bucket.Arn": "arn"}).resolve(value)


@pytest.mark.parametrize(
    "value",
    [{"Ref": "Asked"}, {"Ref": "Nothing"}, {"Fn::Sub": "x${Asked}"}, {"Fn::GetAtt": "Table.Arn"}, {"Fn::Join": []}],
)
def test_what_nobody_said_is_unknown(value):
    with pytest.raises(Unknown):
        Values(BODY, {}).resolve(value)


def test_short_forms_are_read_as_long_ones(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text("a: !Ref X\nb: !Sub '${X}'\nc: !If [C, !GetAtt X.Arn, {d: !Ref Y}]\n")

    long = {"a": {"Ref": "X"}, "b": {"Fn::Sub": "${X}"}}
    assert {**long, "c": {"Fn::If": ["C", {"Fn::GetAtt": "X.Arn"}, {"d": {"Ref": "Y"}}]}} == read(path)
