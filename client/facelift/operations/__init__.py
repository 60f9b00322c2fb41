"""The parts that an `UploadClient` holds: one for each kind of caller."""
