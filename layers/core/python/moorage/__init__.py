"""Moorage: a container registry that runs in your own AWS account."""
