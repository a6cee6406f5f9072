"""What a job does, stage by stage: from a spec to published artifacts."""
