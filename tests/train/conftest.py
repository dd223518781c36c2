"""The train tests share the Tasks of small.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
