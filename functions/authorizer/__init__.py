"""Asked by the gateway before every request to /v2/**: verifies tokens, and does nothing else."""
