"""zerostor: names in a SQL database, bytes as encrypted, erasure-coded chunks on shards."""
