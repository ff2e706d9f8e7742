"""GET and HEAD /v2/**: reads; writes leases and pull times only."""
