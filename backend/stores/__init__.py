"""The only room that knows InfluxDB, SQL and the disk."""
