"""Regions: the one that the registry runs in. Its name is AWS's; its key has three letters, as Oracle's have."""

from dataclasses import dataclass

# The airports that AWS itself names these regions after; any other region is its own key.
_KEYS = {
    "af-south-1": "CPT",
    "ap-east-1": "HKG",
    "ap-northeast-1": "NRT",
    "ap-northeast-2": "ICN",
    "ap-northeast-3": "KIX",
    "ap-south-1": "BOM",
    "ap-south-2": "HYD",
    "ap-southeast-1": "SIN",
    "ap-southeast-2": "SYD",
    "ap-southeast-3": "CGK",
    "ap-southeast-4": "MEL",
    "ca-central-1": "YUL",
    "ca-west-1": "YYC",
    "eu-central-1": "FRA",
    "eu-central-2": "ZRH",
    "eu-north-1": "ARN",
    "eu-south-1": "MXP",
    "eu-south-2": "ZAZ",
    "eu-west-1": "DUB",
    "eu-west-2": "LHR",
    "eu-west-3": "CDG",
    "il-central-1": "TLV",
    "me-central-1": "DXB",
    "me-south-1": "BAH",
    "sa-east-1": "GRU",
    "us-east-1": "IAD",
    "us-east-2": "CMH",
    "us-west-1": "SFO",
    "us-west-2": "PDX",
}


@dataclass(frozen=True, slots=True)
class Region:
    """A region by its key and its name."""

    key: str
    name: str


def find_region(name: str) -> Region:
    """Return the region that AWS calls so."""
    return Region(_KEYS.get(name, name), name)
