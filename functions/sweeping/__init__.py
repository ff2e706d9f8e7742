"""Schedule: removes what is over. No web framework is imported here."""
