"""The Lambda function; importing it is the only import with effects."""

import os

from moorage.web.shim import serve
from moorage.wiring import open_data_stores, open_site, read_settings
from v2_pull.routes import API

settings = read_settings(os.environ)
stores = open_data_stores(settings)
handler = serve(API, stores, open_site(settings, stores))
