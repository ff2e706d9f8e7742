import pytest
from tests.sites import request, site

from moorage.web.site import guarded_address

PROXIES = ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        pytest.param("localhost:5000", "http://localhost:5000", id="the first"),
        pytest.param("127.0.0.1:5000", "http://127.0.0.1:5000", id="another"),
        pytest.param("Registry.Example.com", "https://registry.example.com", id="in capitals"),
        pytest.param("registry.example.com", "https://registry.example.com", id="without the default port"),
        pytest.param("registry.example.com:443", "https://registry.example.com", id="with the default port"),
        pytest.param("registry.example.com:80", "http://localhost:5000", id="another scheme's port"),
        pytest.param("localhost", "http://localhost:5000", id="a port is missing"),
        pytest.param("evil.example.com", "http://localhost:5000", id="not in the list"),
        pytest.param("localhost:5000.evil.example.com", "http://localhost:5000", id="begins like one in the list"),
        pytest.param('"', "http://localhost:5000", id="not a host"),
        pytest.param("", "http://localhost:5000", id="empty"),
        pytest.param(None, "http://localhost:5000", id="absent"),
    ],
)
def test_the_origin_is_the_one_that_the_client_used_and_never_one_outside_the_list(host, origin):
    assert origin == site().origin(host)
    assert origin + "/20180419/docker/token" == site().realm(host)
    assert origin.partition("://")[2] == site().service(host)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        pytest.param("203.0.113.7", [], "203.0.113.7", id="no proxy"),
        pytest.param("203.0.113.7", ["198.51.100.1"], "203.0.113.7", id="a stranger says so"),
        pytest.param("10.1.1.1", ["198.51.100.1"], "198.51.100.1", id="a proxy says so"),
        pytest.param("192.0.2.1", ["198.51.100.1"], "198.51.100.1", id="a proxy listed by its address"),
        pytest.param("10.1.1.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="what a client sent is to the left"),
        pytest.param("10.1.1.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1", id="two headers are one list"),
        pytest.param("10.1.1.1", ["198.51.100.1, 10.2.2.2"], "198.51.100.1", id="two proxies"),
        pytest.param("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3", id="proxies all the way"),
        pytest.param("10.1.1.1", [], "10.1.1.1", id="a proxy says nothing"),
        pytest.param("fd00::1", ["2001:db8::1"], "2001:db8::1", id="IPv6"),
        pytest.param("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1", id="IPv4 in IPv6"),
    ],
)
def test_the_address_is_the_nearest_that_no_proxy_of_ours_has(peer, forwarded, address):
    proxied = site(trusted_proxies=PROXIES)
    sent = request(proxied, *(("X-Forwarded-For", value) for value in forwarded), client=peer)

    assert address == proxied.client_address(sent)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        pytest.param("203.0.113.7", "203.0.113.7", id="IPv4: itself"),
        pytest.param("::ffff:203.0.113.7", "203.0.113.7", id="IPv4 in IPv6: itself"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", id="IPv6: the network of one host"),
        pytest.param("x" * 5000, "unknown", id="no address"),
    ],
)
def test_guesses_are_counted_by_what_one_host_has(address, counted):
    assert counted == guarded_address(address)
