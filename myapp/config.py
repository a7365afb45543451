"""Settings: read from the environment once, checked, frozen.

Every bad setting is named at boot, all of them together, each with the remedy. Where a value
differs per environment it differs here and nowhere else.
"""

import difflib
import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NEAR = 0.84


class Environment(StrEnum):
    """Where the app runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class BadSettings(ValueError):
    """Some settings cannot be used; each line names one and the remedy."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Settings(BaseSettings):
    """The application's settings; ``load`` is the only maker."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file=None)

    env: Environment = Field(Environment.DEVELOPMENT, validation_alias="MYAPP_ENV")
    port: int = Field(3000, ge=1, le=65535, validation_alias="PORT")
    host: str = Field("127.0.0.1", validation_alias="HOST")
    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(None, validation_alias="REDIS_URL")
    data_dir: Path = Field(Path(".data"), validation_alias="DATA_DIR")
    secret_key: SecretStr | None = Field(None, validation_alias="SECRET_KEY")
    public_url: str | None = Field(None, validation_alias="PUBLIC_URL")
    origins: Annotated[tuple[str, ...], NoDecode] = Field((), validation_alias="ORIGINS")
    uploads_url: str | None = Field(None, validation_alias="UPLOADS_URL")
    upload_max_bytes: int = Field(512 * 1024**2, ge=1024, validation_alias="UPLOAD_MAX_BYTES")
    pool_size: int = Field(10, ge=2, le=200, validation_alias="POOL_SIZE")
    pool_timeout_s: float = Field(5.0, gt=0, le=60, validation_alias="POOL_TIMEOUT_S")
    worker_concurrency: int = Field(2, ge=1, le=64, validation_alias="WORKER_CONCURRENCY")
    log_level: str = Field("info", validation_alias="LOG_LEVEL")
    log_format: str | None = Field(None, validation_alias="LOG_FORMAT")

    @field_validator("origins", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
                message = f"{origin!r} is no origin; write it as https://app.example.com, without a path or *"
                raise ValueError(message)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_scheme(
            value, {"postgresql", "postgres"}, "postgresql://user:password@host:5432/name"
        )

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _check_scheme(value, {"redis", "rediss", "valkey"}, "redis://:password@host:6379/0")

    @field_validator("uploads_url")
    @classmethod
    def _check_uploads_url(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme != "file":
            message = "only file:///an/absolute/folder is supported; mount shared storage there when workers run elsewhere"
            raise ValueError(message)
        return value

    @field_validator("log_level")
    @classmethod
    def _check_log_level(cls, value: str) -> str:
        return _one_of(value.lower(), ("debug", "info", "warning", "error"))

    @field_validator("log_format")
    @classmethod
    def _check_log_format(cls, value: str | None) -> str | None:
        return None if value is None else _one_of(value.lower(), ("json", "console"))

    @model_validator(mode="after")
    def _check_environment(self) -> "Settings":
        if self.env is Environment.DEVELOPMENT and self.host not in LOOPBACK:
            message = (
                f"HOST={self.host}: development has seeded accounts and binds loopback only; "
                "use HOST=127.0.0.1 or MYAPP_ENV=production"
            )
            raise ValueError(message)
        if self.env is Environment.PRODUCTION and self.secret_key is None:
            message = "SECRET_KEY: is required in production; 32 random bytes, e.g. `openssl rand -hex 32`"
            raise ValueError(message)
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < 32:
            message = "SECRET_KEY: is too short; at least 32 characters"
            raise ValueError(message)
        return self

    @property
    def is_development(self) -> bool:
        """Whether seeded accounts, the catalogue and hints are on."""
        return self.env is Environment.DEVELOPMENT

    @property
    def base_url(self) -> str:
        """Return the address people type, without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Return the origins whose pages may post forms and open sockets."""
        own = {self.base_url}
        if self.env is not Environment.PRODUCTION:
            own |= {f"http://{host}:{self.port}" for host in ("localhost", "127.0.0.1")}
        return frozenset(own | set(self.origins))

    @property
    def is_secure(self) -> bool:
        """Whether people reach the app over TLS, so that cookies are marked Secure."""
        return self.base_url.startswith("https://")

    @property
    def uploads_dir(self) -> Path:
        """Return the folder of the private file store."""
        if self.uploads_url is None:
            return (self.data_dir / "uploads").resolve()
        return Path(urlsplit(self.uploads_url).path)

    @property
    def log_is_json(self) -> bool:
        """Whether log lines are JSON: asked for, or not development."""
        return self.log_format == "json" or (self.log_format is None and not self.is_development)

    def shown(self) -> dict[str, str]:
        """Return every setting as text for people, secrets hidden."""
        return {
            str(field.validation_alias): str(getattr(self, name))
            for name, field in type(self).model_fields.items()
        }


def _check_scheme(value: SecretStr | None, schemes: set[str], example: str) -> SecretStr | None:
    if value is None:
        return None
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in schemes or not parts.hostname:
        message = f"is no usable address; write it as {example}"
        raise ValueError(message)
    return value


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value in allowed:
        return value
    near = difflib.get_close_matches(value, allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    message = f"{value!r} is not one of {', '.join(allowed)}{hint}"
    raise ValueError(message)


def load() -> Settings:
    """Read the settings from the environment.

    Raises ``BadSettings`` naming every setting that cannot be used, and likely misspellings.
    """
    lines = _misspelled()
    try:
        settings = Settings()
    except ValidationError as error:
        lines += [_line(detail) for detail in error.errors()]
        raise BadSettings(lines) from None
    if lines:
        raise BadSettings(lines)
    return settings


def _misspelled() -> list[str]:
    known = [str(field.validation_alias) for field in Settings.model_fields.values()]
    found = []
    for name in os.environ:
        if name in known or not (name.startswith("MYAPP_") or name.isupper()):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
        if near and near[0] not in os.environ and (name.startswith("MYAPP_") or _is_ours(near[0])):
            found.append(f"{name}: is no setting; did you mean {near[0]}?")
    return found


def _is_ours(name: str) -> bool:
    # Short or common names (PORT, HOST) have innocent neighbours in any shell.
    return name in {"DATABASE_URL", "REDIS_URL", "UPLOADS_URL", "UPLOAD_MAX_BYTES"}


def _line(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = ".".join(str(part) for part in detail["loc"] if not isinstance(part, int))
    return f"{name}: {message}" if name else message


def random_secret() -> str:
    """Return a fresh secret key, for environments that did not set one."""
    return secrets.token_hex(32)
