"""Says what CycloneDX's own schema finds wrong with each file; exit status 1 if anything is."""

import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

validator = JsonStrictValidator(SchemaVersion.V1_6)
found = [(path, validator.validate_str(Path(path).read_text())) for path in sys.argv[1:]]
for path, error in found:
    if error:
        print(f"{path}: {error}", file=sys.stderr)
sys.exit(any(error for _, error in found))
