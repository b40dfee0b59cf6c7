"""What tests of the notices lane share."""
