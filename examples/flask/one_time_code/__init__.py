"""Story five: a one-time code that was never sent, on a platform with many instances."""
