"""The Lambda function behind the token endpoint."""

import os

from moorage.web.shim import serve
from moorage.wiring import open_site, open_stores, read_settings
from tokens.routes import API

_SETTINGS = read_settings(os.environ)
_STORES = open_stores(_SETTINGS)
handler = serve(API, _STORES, open_site(_SETTINGS, _STORES))
