"""Tests of zerostor's metadata; `suite` holds what runs on every database."""
