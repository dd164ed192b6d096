"""Metrics, detection figures and fitted thresholds. No torch."""
