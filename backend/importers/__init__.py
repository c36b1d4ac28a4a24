"""Files in: CSV, gzipped CSV, Parquet and what Grafana exports, read strictly."""
