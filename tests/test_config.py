"""Settings: checked once, every bad one named with its remedy."""

import pytest

from myapp import config
from myapp.config import BadSettings, Environment


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for field in config.Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_nothing_set_is_development_on_loopback():
    settings = config.load()
    assert (settings.env, settings.host, settings.port) == (
        Environment.DEVELOPMENT,
        "127.0.0.1",
        3000,
    )


def test_all_bad_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("PORT", "99999")
    monkeypatch.setenv("REDIS_URL", "somewhere")
    monkeypatch.setenv("MYAPP_ENV", "prod")
    with pytest.raises(BadSettings) as caught:
        config.load()
    assert {line.partition(":")[0] for line in caught.value.lines} == {
        "PORT",
        "REDIS_URL",
        "MYAPP_ENV",
    }


def test_a_misspelled_setting_is_asked_about(monkeypatch):
    monkeypatch.setenv("DATABSE_URL", "postgresql://localhost/x")
    with pytest.raises(BadSettings, match="did you mean DATABASE_URL"):
        config.load()


def test_development_binds_loopback_only(monkeypatch):
    monkeypatch.setenv("HOST", "0.0.0.0")  # noqa: S104 (what must be refused)
    with pytest.raises(BadSettings, match="loopback"):
        config.load()


def test_production_asks_for_a_secret_key(monkeypatch):
    monkeypatch.setenv("MYAPP_ENV", "production")
    with pytest.raises(BadSettings, match="SECRET_KEY"):
        config.load()
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    assert config.load().env is Environment.PRODUCTION


def test_production_trusts_its_own_address_only(monkeypatch):
    monkeypatch.setenv("MYAPP_ENV", "production")
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("PUBLIC_URL", "https://people.example.com/")
    settings = config.load()
    assert settings.allowed_origins == {"https://people.example.com"}
    assert settings.is_secure


def test_a_wildcard_origin_is_refused(monkeypatch):
    monkeypatch.setenv("ORIGINS", "*")
    with pytest.raises(BadSettings, match="is no origin"):
        config.load()


def test_shown_settings_hide_secrets(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hush@localhost/x")
    monkeypatch.setenv("SECRET_KEY", "hush" * 10)
    assert "hush" not in str(config.load().shown())
