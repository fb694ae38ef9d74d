"""``python -m edgescope``."""

from edgescope.cli import main

if __name__ == "__main__":
    main()
