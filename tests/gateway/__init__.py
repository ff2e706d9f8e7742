"""API Gateway in front of the functions, with what it does to requests and answers and no emulator shows.

`Gateway` is an ASGI application: a test asks it as it asks the functions themselves, and uvicorn serves it to clients.
What it does is measured or documented of the real one; `Quirks` has each as a field.
"""

from tests.gateway.gateway import Gateway, functions_of
from tests.gateway.quirks import HeadLength, Quirks, TooLarge

__all__ = ["Gateway", "HeadLength", "Quirks", "TooLarge", "functions_of"]
