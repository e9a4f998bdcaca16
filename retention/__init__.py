"""The only code that may destroy footage; see README.md. Nothing is deleted yet: the rules come before the deleter."""
