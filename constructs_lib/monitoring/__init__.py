"""Metrics, alarms and dashboard of a pipeline."""
