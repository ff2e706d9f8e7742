"""The Lambda function that the gateway asks; importing it is the only import with effects."""

import os

from authorizer.answers import make_handler
from moorage.wiring import open_gate, read_settings

site = open_gate(read_settings(os.environ), os.environ)
# `sam local` knows no answers of the gateway itself: there the functions send the challenge.
handler = make_handler(site, lets_pass="AWS_SAM_LOCAL" in os.environ)
