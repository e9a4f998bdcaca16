"""`python -m vms` is the command `vms`."""

from vms.cli import main

if __name__ == "__main__":
    main()
