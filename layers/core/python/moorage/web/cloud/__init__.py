"""The cloud plane: signed requests, a contract that is read from an OpenAPI document, and its answers."""
