"""HTTP: the ASGI shim, the error tables, authentication, paging."""
