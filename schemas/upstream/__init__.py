"""What upstream sends: the webhook envelope, and only those fields that points depend on."""
