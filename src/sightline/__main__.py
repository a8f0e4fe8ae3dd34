"""`python -m sightline`: the command line, where no script was installed."""

from sightline.cli import main

raise SystemExit(main())
