"""What several processes decide about the gateway's shards: pure functions of what the database says."""
