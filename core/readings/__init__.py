"""What can be done with a described network: checked in numpy, run in torch, weighed in bytes."""
