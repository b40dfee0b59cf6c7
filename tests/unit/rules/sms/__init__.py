"""Tests of rules/sms."""
