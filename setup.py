"""The recorded runs beside the package are part of it: an installed one has the paper's."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["grokbook*"]), "grokbook._runs"],
    package_dir={"grokbook._runs": "runs"},
    # Logs and manifests; weights are large, and what the small presets record comes of itself.
    package_data={"grokbook._runs": ["**/*.json", "**/*.parquet", "**/*.npz"]},
    exclude_package_data={"grokbook._runs": ["quick/**/*", "smoke/**/*"]},
)
