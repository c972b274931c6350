"""Faults on purpose: servers that fail while gateways pass requests on to them. tests/faults/README.md tells how."""
