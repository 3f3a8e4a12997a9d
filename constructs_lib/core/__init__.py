"""Roles and policies, names and ARNs, and reasons for accepted findings: used by every construct."""
