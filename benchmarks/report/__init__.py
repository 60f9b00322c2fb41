"""Writes down what was measured: tables and plots."""
