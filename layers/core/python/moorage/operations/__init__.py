"""Verbs with rules that need storage; each follows reference sections of docs/protocol.md."""
