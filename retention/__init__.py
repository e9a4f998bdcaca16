"""The only code that may destroy footage; see README.md."""
