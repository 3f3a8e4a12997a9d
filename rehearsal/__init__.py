"""Rehearses the whole life of a stack with real Terraform against an AWS on 127.0.0.1: `make rehearse`."""
