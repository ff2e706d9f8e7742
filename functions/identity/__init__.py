"""The cloud plane: compartments, users, groups, policies and credentials."""
