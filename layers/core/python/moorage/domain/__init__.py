"""What a registry is, free of HTTP, AWS and clocks: standard library only."""
