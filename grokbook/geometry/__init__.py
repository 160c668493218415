"""What is measured: functions on tensors and Gram matrices that know nothing of training."""
