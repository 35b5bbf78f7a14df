"""The version of this code, which runs, reports and weights carry."""

VERSION = "0.1.0"
