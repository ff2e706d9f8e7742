"""The Lambda function behind `/20160918/container`."""

import os

from artifacts.routes import API
from moorage.web.shim import serve
from moorage.wiring import open_site, open_stores, read_settings

_SETTINGS = read_settings(os.environ)
_STORES = open_stores(_SETTINGS)
handler = serve(API, _STORES, open_site(_SETTINGS, _STORES))
