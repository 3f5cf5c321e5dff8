"""Manifests to begin with: written once, lint clean, and installable."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from beacon.errors import DefinitionError, UsageError
from beacon.operations.apps.drafting import BcdRequest, NewRequest, import_bcd, new_app
from beacon.operations.apps.installing import InstallRequest, install
from beacon.operations.apps.showing import AppRequest, lint
from beacon.state.given import owners_files
from tests.fakes.here import Recorder, StagedMachine
from tests.fakes.machine import FakeMachine
from tests.fakes.registry import OneImage
from tests.fakes.stage import push

IMAGE = "registry.example/me/shop:latest"


@pytest.fixture
def here(tmp_path: Path) -> StagedMachine:
    fake = FakeMachine()
    image = push(fake, "1")
    said = replace(
        image.config, exposed_ports=("8080/tcp",), labels={"org.opencontainers.image.version": "2.1"}
    )
    staged = StagedMachine(fake, tmp_path, replace(image, config=said))
    staged.paths.definitions.mkdir(parents=True)
    staged.keep_secrets()
    return staged


def test_an_image_is_named_at_the_version_that_its_registry_has(here: StagedMachine) -> None:
    answer = new_app(here, NewRequest("shop", image=IMAGE), Recorder())
    assert 'image = "registry.example/me/shop:2.1"' in Path(answer.file).read_text()
    assert answer.warnings == ()
    assert 'arch = [\n    "amd64",\n]' in answer.text
    lint(here, AppRequest("shop"), Recorder())
    installed = install(here, InstallRequest("shop"), Recorder())
    assert installed.installation is not None
    with pytest.raises(UsageError, match="already"):
        new_app(here, NewRequest("shop", image=IMAGE), Recorder())


def test_an_image_without_a_version_is_named_by_its_digest(here: StagedMachine) -> None:
    fake = FakeMachine()
    image = push(fake, "1")
    here.registry = OneImage(image)  # type: ignore[assignment]  # as much as is asked of it
    answer = new_app(here, NewRequest("shop", image=IMAGE), Recorder())
    assert f'image = "registry.example/me/shop@{image.tag_digest}"' in answer.text
    assert any("digest" in note for note in answer.notes)
    assert answer.warnings == ()


@pytest.mark.parametrize("request_", [NewRequest("Shop!"), NewRequest("shop", image="shop")])
def test_what_is_no_name_is_refused_before_anything_is_written(
    here: StagedMachine, request_: NewRequest
) -> None:
    with pytest.raises(UsageError):
        new_app(here, request_, Recorder())
    assert not list(here.paths.config.rglob("*.toml"))


def test_a_compose_file_becomes_an_app_that_can_be_installed(here: StagedMachine, tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(
        """
services:
  web:
    image: registry.example/me/web
    ports: ["8080:80"]
    environment: {DB_PASSWORD: geheim123}
    depends_on: [db]
  db:
    image: registry.example/me/db:1
    environment: {POSTGRES_PASSWORD: geheim123}
    volumes: [data:/data]
volumes: {data: }
"""
    )
    answer = new_app(here, NewRequest("shop", compose=str(file), source=owners_files({})), Recorder())
    assert answer.warnings == ()
    assert "geheim123" not in answer.text
    assert 'image = "registry.example/me/web:2.1"' in answer.text
    installed = install(here, InstallRequest("shop"), Recorder())
    assert sorted(one.service for one in installed.outcomes) == ["shop", "shop-db"]
    file.write_text("services: {web: {imge: x}}")
    with pytest.raises(DefinitionError):
        new_app(here, NewRequest("other", compose=str(file), source=owners_files({})), Recorder())
    assert not (here.paths.config / "catalog" / "other.toml").exists()


def test_a_manifest_of_bytesized_connect_comes_to_the_catalog_or_to_a_file(
    here: StagedMachine, tmp_path: Path
) -> None:
    old = tmp_path / "manifest.yml"
    old.write_text('name: Shop\nweb_url_format: "http://##ip##:##web_port##"\n')
    output = tmp_path / "shop.toml"
    answer = import_bcd(here, BcdRequest(old, "registry.example/shop:1", output), Recorder())
    assert (answer.file, answer.warnings) == (str(output), ())
    answer = import_bcd(here, BcdRequest(old), Recorder())
    assert Path(answer.file) == here.paths.config / "catalog" / "shop.toml"
    lint(here, AppRequest("shop"), Recorder())
    with pytest.raises(UsageError, match="no file"):
        import_bcd(here, BcdRequest(tmp_path / "missing.yml"), Recorder())
    old.write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionError):
        import_bcd(here, BcdRequest(old), Recorder())
