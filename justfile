set windows-shell := ["powershell.exe", "-NoLogo", "-Command"]

python := if os_family() == "windows" { "py" } else { "python3" }
bin := if os_family() == "windows" { ".venv/Scripts" } else { ".venv/bin" }

# List what there is.
default:
    @just --list

# Make .venv as uv.lock says.
setup *options:
    {{ python }} packaging/bootstrap.py setup {{ options }}

# Linters and types.
check:
    {{ bin }}/ruff check
    {{ bin }}/ruff format --check
    {{ bin }}/mypy
    {{ bin }}/mypy packaging/bootstrap.py packaging/translations.py packaging/freeze.py packaging/licences.py packaging/deb.py packaging/appimage.py packaging/check_dist.py packaging/release.py packaging/sbom.py
    {{ bin }}/lint-imports

# Set up, every check, every test; options go to pytest.
test *options:
    {{ python }} packaging/bootstrap.py test {{ options }}

# Set up and tune the demo model; options go to tunesmith.
demo *options:
    {{ python }} packaging/bootstrap.py demo {{ options }}

# Format, and mend what can be mended.
fmt:
    {{ bin }}/ruff check --fix
    {{ bin }}/ruff format

# The user guide as a site, in build/site; needs uv.
docs *options="build --strict":
    uv run --isolated --frozen --only-group docs mkdocs {{ options }}

# What is in build/ as Debian packages, tried in a bare Debian 12; as root, some ten minutes.
check-deb *folder:
    packaging/check_deb.sh build/tunesmith_*_*.deb build/tunesmith-demo-model_*_all.deb {{ folder }}
