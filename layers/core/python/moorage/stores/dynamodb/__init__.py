"""DynamoDB: pynamodb items and expressions; every method of a store is one request, sent by `table.Table`."""
