"""What upstream sends: the webhook envelope and the parts of its resources that points depend on, nothing else."""
