"""What we ask of storage (`base`), and who answers (`dynamodb`, `s3`, `memory`)."""
