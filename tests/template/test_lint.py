"""House rules of template.yaml: what AWS would accept and we do not, or would refuse only when it is deployed."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from tests.template.roles import TEMPLATE, functions

from authorizer.answers import Unauthorized
from moorage.devserver.cloudformation import Values
from moorage.devserver.template import methods_of

RESOURCES = TEMPLATE.body["Resources"]
PARAMETERS = TEMPLATE.body["Parameters"]
GLOBALS = TEMPLATE.body["Globals"]["Function"]
FUNCTIONS = {name: RESOURCES[name]["Properties"] for name in functions().values()}
ROUTES = [
    (name, event["Properties"]["Method"], event["Properties"]["Path"])
    for name, function in FUNCTIONS.items()
    for event in function.get("Events", {}).values()
    if event["Type"] in {"Api", "HttpApi"}
]
PACKAGES = {name: package for package, name in functions().items()}
PAGE = Path("docs/deploy.md").read_text(encoding="utf-8")
SETTINGS = Path("docs/settings.md").read_text(encoding="utf-8")


def of_type(*kinds):
    return {name: one.get("Properties", {}) for name, one in RESOURCES.items() if one["Type"] in kinds}


ALARMS = of_type("AWS::CloudWatch::Alarm")
POLICIES = {
    **{name: one["PolicyDocument"] for name, one in of_type("AWS::IAM::ManagedPolicy").items()},
    **{
        f"{name}.{policy['PolicyName']}": policy["PolicyDocument"]
        for name, one in of_type("AWS::IAM::Role").items()
        for policy in one.get("Policies", [])
    },
}


def test_functions_run_on_one_python():
    assert "python3.13" == GLOBALS["Runtime"]
    assert [] == [name for name, function in FUNCTIONS.items() if "Runtime" in function]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_role_and_a_log_of_its_own_and_is_built_by_our_makefile(name):
    function = FUNCTIONS[name]

    assert {"Fn::GetAtt": f"{name}Role.Arn"} == function["Role"]
    assert {"Ref": f"{name}Log"} == function["LoggingConfig"]["LogGroup"]
    assert {"BuildMethod": "makefile"} == RESOURCES[name]["Metadata"]
    assert re.search(rf"^build-{name}\b", Path("functions/Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert function["Description"]


def test_no_two_functions_share_a_role():
    roles = [function["Role"]["Fn::GetAtt"] for function in FUNCTIONS.values()]

    assert len(set(roles)) == len(roles)


def test_there_are_no_layers():
    """
    With one, sam local builds its image anew at each start.
    """
    assert {} == of_type("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_logs_end(name):
    assert {"Ref": "LogDays"} == RESOURCES[name]["Properties"]["RetentionInDays"]


@pytest.mark.parametrize("name", POLICIES)
def test_a_role_has_no_star(name):
    """
    Every action has its name, and every resource is one of ours.
    """
    for statement in POLICIES[name]["Statement"]:
        actions, resources = several(statement["Action"]), several(statement["Resource"])
        assert [] == [action for action in actions if "*" in action]
        assert [] == [resource for resource in resources if not ours(resource)]


def several(value):
    return value if isinstance(value, list) else [value]


def ours(resource):
    """Whether a resource is made by this template: by its ARN, or below that."""
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"].removesuffix(".Arn") in RESOURCES
    match = re.fullmatch(r"\$\{(\w+)\.Arn\}/\w+/[\w*]+", resource.get("Fn::Sub", ""))
    return bool(match) and match[1] in RESOURCES


@pytest.mark.parametrize(("name", "method", "path"), ROUTES)
def test_each_route_is_answered_by_its_function(name, method, path):
    """
    A path of the template has a route of that method in the function's table; a greedy one has several. One leads to
    where nothing is, so that a function says so.
    """
    routes = import_module(f"{PACKAGES[name]}.routes").API.routes
    start = path.partition("{")[0]
    taken = [one.path.replace("{end:end}", "/") for one in routes if {method, *methods_of(method)} & one.methods]
    found = [one for one in taken if f"{one}/".endswith(f"{path.rstrip('/')}/")]
    below = [one for one in taken if start in one]

    if path == "/20180419/{proxy+}":
        assert [] == below
    else:
        assert below if "{" in path else found or below


def test_greedy_variables_are_last():
    assert [] == [path for _, _, path in ROUTES if "+}" in path and not path.endswith("+}")]


def test_an_http_api_sends_events_that_have_the_query_as_it_was_sent():
    """
    Version 2.0, which SAM asks for where nothing is said.
    """
    events = [event["Properties"] for function in FUNCTIONS.values() for event in function.get("Events", {}).values()]

    assert {"2.0"} == {event.get("PayloadFormatVersion", "2.0") for event in events if "ApiId" in event}


def test_the_template_keeps_the_limits_of_aws():
    """
    300 routes an API, 500 resources a stack, of which each function and event makes a few.
    """
    made = len(RESOURCES) + 4 * len(ROUTES) + 3 * len(FUNCTIONS)

    assert len(ROUTES) <= 300
    assert made <= 500
    assert len(PARAMETERS) <= 200
    assert len(TEMPLATE.body["Outputs"]) <= 200


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_described_here_and_in_the_documentation(name):
    """
    In one line of the template, and in a row of docs/deploy.md, or of docs/settings.md when it gives a setting.
    """
    assert 20 <= len(PARAMETERS[name]["Description"]) <= 120
    assert f"`{name}`" in PAGE + SETTINGS


@pytest.mark.parametrize("name", [name for name in PARAMETERS if f"| `{name}` |" in PAGE])
def test_the_documentation_has_the_default_of_a_parameter(name):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    default = row.split("|")[2].strip().strip("`")
    words = {"required": None, "empty": ""}

    declared = PARAMETERS[name].get("Default")
    assert words.get(default, default) == (None if declared is None else str(declared))


def test_every_parameter_is_used():
    text = json.dumps([TEMPLATE.body[part] for part in ("Conditions", "Globals", "Resources", "Outputs")])

    assert [] == [name for name in PARAMETERS if f'"Ref": "{name}"' not in text and f"${{{name}}}" not in text]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do_and_is_sent(name):
    """
    Whoever is woken reads what it means, where to look, and what helps; docs/deploy.md names every alarm.
    """
    alarm = ALARMS[name]
    verbs = ("find", "look", "see", "raise", "say", "says", "remove", "deploy", "enable")
    words = re.findall(r"[a-z]+", alarm["AlarmDescription"].lower())

    assert set(verbs) & set(words)
    assert 100 <= len(alarm["AlarmDescription"]) <= 1024
    assert {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]} == alarm["AlarmActions"]
    assert f"`{name}`" in PAGE


def test_alarms_are_free_while_there_is_no_relay():
    """
    AWS bills alarms by the metrics that they watch, beyond the first ten.
    """
    watched = [
        len(alarm["Metrics"]) - 1 if "Metrics" in alarm else 1
        for name, alarm in ALARMS.items()
        if "Condition" not in RESOURCES[name]
    ]

    assert sum(watched) <= 10


def test_the_authorizer_s_way_of_refusing_is_no_failure():
    """
    Lambda counts it as one, and writes it down as one: an alarm on either would be on whoever has no token yet.
    """
    (counted,) = of_type("AWS::Logs::MetricFilter").values()

    assert {"Ref": "AuthorizerLog"} == counted["LogGroupName"]
    assert f'"[ERROR]" -{Unauthorized()}' == counted["FilterPattern"]


@pytest.mark.parametrize("name", ["Api", "CloudApi"])
def test_an_api_is_throttled_and_logged_and_only_reached_by_the_domain(name):
    """
    A flood is answered 429, which costs nothing, and the log says who sent it.
    """
    properties = RESOURCES[name]["Properties"]
    (throttled,) = properties["MethodSettings"] if name == "Api" else [properties["DefaultRouteSettings"]]
    log = properties["AccessLogSetting" if name == "Api" else "AccessLogSettings"]

    assert {"Ref": "RequestsPerSecond"} == throttled["ThrottlingRateLimit"]
    assert {"Ref": "RequestBurst"} == throttled["ThrottlingBurstLimit"]
    assert properties["DisableExecuteApiEndpoint"]
    assert {"request_id", "address", "method", "path", "status"} <= json.loads(log["Format"]).keys()


STATUSES = {
    "UNAUTHORIZED": (401, "UNAUTHORIZED"),
    "ACCESS_DENIED": (403, "DENIED"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "UNSUPPORTED"),
    "RESOURCE_NOT_FOUND": (404, "UNSUPPORTED"),
    "REQUEST_TOO_LARGE": (413, "SIZE_INVALID"),
    "THROTTLED": (429, "TOOMANYREQUESTS"),
    "INTEGRATION_FAILURE": (502, "UNAVAILABLE"),
    "AUTHORIZER_FAILURE": (503, "UNAVAILABLE"),
    "INTEGRATION_TIMEOUT": (504, "UNAVAILABLE"),
    "DEFAULT_4XX": (None, "UNSUPPORTED"),
    "DEFAULT_5XX": (None, "UNAVAILABLE"),
}
ANSWERS = RESOURCES["Api"]["Properties"]["GatewayResponses"]


def test_the_gateway_answers_what_it_must():
    assert set(STATUSES) == set(ANSWERS)


@pytest.mark.parametrize("name", STATUSES)
def test_what_the_gateway_answers_is_read_by_both_planes(name):
    """
    `errors` for the spec's clients, `code` and `message` for the cloud's, in one body of JSON.
    """
    status, code = STATUSES[name]
    answer = ANSWERS[name]
    body = json.loads(answer["ResponseTemplates"]["application/json"].replace("$context.error.messageString", '"x"'))

    assert status == answer.get("StatusCode")
    assert [{"code": code, "message": body["message"], "detail": {}}] == body["errors"]
    assert code == body["code"]


def test_the_gateway_s_challenge_leads_to_the_token_endpoint():
    """
    The authorizer raises, and this is what docker sees.
    """
    headers = Values(TEMPLATE.body, {"Domain": "registry.example.com"}).resolve(
        ANSWERS["UNAUTHORIZED"]["ResponseParameters"]["Headers"]
    )

    realm = 'realm="https://registry.example.com/20180419/docker/token",service="registry.example.com"'
    assert f"'Bearer {realm}'" == headers["WWW-Authenticate"]


def test_who_shall_come_back_later_is_told_when():
    later = [name for name, (_, code) in STATUSES.items() if code in {"TOOMANYREQUESTS", "UNAVAILABLE"}]

    assert {"'2'"} == {ANSWERS[name]["ResponseParameters"]["Headers"]["Retry-After"] for name in later}


def test_every_request_to_the_spec_plane_passes_the_authorizer():
    """
    It judges paths, so no answer of it is kept, and one is asked for even when there is no token.
    """
    auth = RESOURCES["Api"]["Properties"]["Auth"]

    assert {"Context": ["path"], "ReauthorizeEvery": 0} == auth["Authorizers"][auth["DefaultAuthorizer"]]["Identity"]
    assert [] == [
        event
        for function in FUNCTIONS.values()
        for event in function.get("Events", {}).values()
        if "Auth" in event["Properties"]
    ]


def test_nothing_that_costs_while_idle_is_made_unless_it_is_asked_for():
    """
    ECS, load balancers and their kin belong to the relay.
    """
    costly = ("AWS::ECS::", "AWS::ElasticLoadBalancingV2::", "AWS::EC2::")
    relay = {name: one for name, one in RESOURCES.items() if one["Type"].startswith(costly)}

    assert relay
    assert {"HasRelay"} == {one.get("Condition") for one in relay.values()}
    assert "" == PARAMETERS["Relay"]["Default"]


def test_the_relay_runs_without_rights_it_does_not_need_and_lets_uploads_finish():
    (container,) = RESOURCES["RelayTask"]["Properties"]["ContainerDefinitions"]
    attributes = {one["Key"]: one["Value"] for one in RESOURCES["RelayTargets"]["Properties"]["TargetGroupAttributes"]}

    assert (True, 120) == (container["ReadonlyRootFilesystem"], container["StopTimeout"])
    assert int(container["User"]) > 0
    assert "300" == attributes["deregistration_delay.timeout_seconds"]
    assert "/health" == RESOURCES["RelayTargets"]["Properties"]["HealthCheckPath"]
    assert container["HealthCheck"]["Command"][-1] in Path("layers/relay/Containerfile").read_text(encoding="utf-8")


def test_the_relay_has_the_settings_of_the_functions():
    """
    But for those that only a gateway or a stand-in needs, and what Lambda says and ECS does not.
    """
    (container,) = RESOURCES["RelayTask"]["Properties"]["ContainerDefinitions"]
    said = {one["Name"]: one["Value"] for one in container["Environment"]}
    functions_have = {
        name: value for name, value in GLOBALS["Environment"]["Variables"].items() if name.startswith("MOORAGE_")
    }
    for name in ("MOORAGE_HEAD_BODY", "MOORAGE_PUBLIC_ENDPOINT"):
        del functions_have[name]
    own = {
        "AWS_REGION": {"Ref": "AWS::Region"},
        "MOORAGE_BODY_LIMIT": "none",
        "MOORAGE_TRUSTED_PROXIES": {"Fn::Sub": "${RelayNetwork} ${TrustedProxies}"},
    }

    assert {**functions_have, **own} == said
