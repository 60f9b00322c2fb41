"""What an `UploadClient` is composed of: one part for each kind of caller."""
