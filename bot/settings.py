"""Every setting, read from the environment or a `.env` file when asked for; nothing is read at import.

A secret may come from a file instead: `SLACK_BOT_TOKEN_FILE=/run/secrets/slack_bot_token`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot import mistakes
from bot.configfile import content
from bot.errors import SettingsError
from bot.hostsettings import INSTALLED_AGENT, HostSettings, hosts_from_list, hosts_from_toml
from bot.listsettings import keys_from_list, tables_from_toml
from bot.settingvalues import (
    APIAddress,
    AppToken,
    AuditKey,
    Blocklists,
    BotToken,
    Channels,
    DatabaseAddress,
    Fetched,
    Members,
    NameServers,
    TimeOfDay,
    TimeZone,
)

__all__ = ["INSTALLED_AGENT", "HostSettings", "Settings", "load"]

T = TypeVar("T")


class Settings(BaseSettings):
    """Each field is an environment variable of that name in capitals; its description is what `.env.example` says."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    slack_bot_token: BotToken | None = Field(None, description="The bot's token, xoxb-…")
    slack_bot_token_file: Path | None = Field(None, description="… or a file that holds it")
    slack_app_token: AppToken | None = Field(None, description="The app-level token for Socket Mode, xapp-…")
    slack_app_token_file: Path | None = Field(None, description="… or a file that holds it")
    slack_api_url: APIAddress = Field("https://slack.com/api/", description="Where Slack's Web API is")
    ops_channels: Channels = Field(
        (),
        description="IDs of the channels that are served (C…); the first gets what the bot says on its own",
    )
    viewers: Members = Field(
        (), description="Who may look: user IDs (U…), user groups (S…), terminal logins (login:ana)"
    )
    operators: Members = Field(
        (), description="Who may also flush, hold, release, requeue, restore, and ask for a deletion"
    )
    approvers: Members = Field((), description="Who may also approve what destroys mail")
    channel_addresses: Literal["masked", "full", "none"] = Field(
        "masked", description="How the channel sees mail addresses: masked (j…@example.org), full or none"
    )
    mail_hosts: str = Field(
        "",
        description="Mail hosts, NAME=LINK[:INSTANCE] with LINK local or sudo, or NAME=ssh://USER@ADDRESS; empty: this "
        "machine's own Postfix",
    )
    maildesk_config: Path | None = Field(
        None,
        description="A TOML file of tables: [hosts.NAME], in place of MAIL_HOSTS; [blocklists.ID]; [alerts.RULE]",
    )
    ssh_key_file: Path = Field(
        Path("ssh.key"),
        description="The private key, without a passphrase, that the bot logs in with at hosts behind ssh",
    )
    ssh_known_hosts_file: Path = Field(
        Path("known_hosts"),
        description="The host keys of those hosts, as ssh-keyscan writes them; no other is believed",
    )
    dns_servers: NameServers = Field(
        (), description="Name servers to ask, ADDRESS or ADDRESS:PORT, your own resolver best; empty: the system's"
    )
    dns_timeout: float = Field(5.0, gt=0, le=60, description="Seconds that a DNS question may take")
    dnsbl_drop: Blocklists = Field((), description="IDs of blocklists that are not to be asked")
    dnsbl_keys: SecretStr | None = Field(
        None, description="Keys of the blocklists that need an account, NAME=KEY: spamhaus=…,abusix=…"
    )
    dnsbl_keys_file: Path | None = Field(None, description="… or a file that holds them")
    database_url: DatabaseAddress = Field(
        "sqlite:///maildesk.db",
        description="Where requests, the audit chain and what Slack must get are kept: sqlite:///FILE, or postgresql://…",
        repr=False,  # it may hold a password
    )
    audit_key: AuditKey | None = Field(
        None, description="The key of the audit chain, 32 characters or more; without it one is made and kept in a file"
    )
    audit_key_file: Path = Field(Path("audit.key"), description="That file; keep a copy of it elsewhere")
    approval_self_max: int = Field(
        20,
        ge=0,
        le=100_000,
        description="Up to so many messages in 60 minutes an approver may confirm their own requests",
    )
    approval_typed_over: int = Field(
        100, ge=0, le=100_000, description="Above so many messages the approver has to type the number"
    )
    approval_ttl: int = Field(30, ge=1, le=1440, description="Minutes until a request that nobody decided is over")
    alert_mention: Members = Field(
        (), description="Whom a critical alert mentions, once: user IDs (U…), user groups (S…)"
    )
    timezone: TimeZone = Field("UTC", description="The time zone of the digest and of what people read: Europe/Madrid")
    digest_at: TimeOfDay = Field(
        "08:00", description="When the daily digest is posted, HH:MM in that time zone, or never"
    )
    digest_when: Literal["always", "changes"] = Field(
        "always", description="Every day, or only when something changed or is wrong"
    )
    heartbeat_url: Fetched | None = Field(
        None, description="Fetched after each complete round of looks, for a dead man's switch elsewhere"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged")

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        problems: list[str] = []
        for name in ("slack_bot_token", "slack_app_token", "dnsbl_keys"):
            if path := values.get(f"{name}_file"):
                variable = name.upper()
                if values.get(name):
                    problems.append(f"{variable} and {variable}_FILE are both set; keep one of them.")
                    continue
                try:
                    values[name] = Path(path).read_text().strip()
                except OSError as error:
                    problems.append(f"{variable}_FILE: {path} can't be read ({error.strerror}).")
                except UnicodeDecodeError:
                    problems.append(f"{variable}_FILE: {path} is not text, so it holds no secret.")
                if values.get(name) == "":
                    problems.append(f"{variable}_FILE: {path} is empty.")
        if values.get("audit_key") and values.get("audit_key_file"):
            problems.append("AUDIT_KEY and AUDIT_KEY_FILE are both set; keep one of them.")
        if problems:
            raise ValueError("\n".join(problems))
        return values

    @field_validator("mail_hosts")
    @classmethod
    def _mail_hosts(cls, value: str) -> str:
        if value:
            _told_with_the_others(lambda: hosts_from_list(value))
        return value

    @field_validator("maildesk_config")
    @classmethod
    def _config(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value:
            hosts = _told_with_the_others(lambda: hosts_from_toml(value))
            if hosts and info.data.get("mail_hosts"):
                raise ValueError("MAIL_HOSTS and MAILDESK_CONFIG both name the mail hosts; keep one of them.")
        return value

    @field_validator("dnsbl_keys")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            _told_with_the_others(lambda: keys_from_list(value.get_secret_value()))
        return value

    def hosts(self) -> tuple[HostSettings, ...]:
        """The configured mail hosts; one local host named `local` when nothing is said. Raises SettingsError."""
        hosts = hosts_from_toml(self.maildesk_config) if self.maildesk_config else ()
        if not hosts:
            hosts = hosts_from_list(self.mail_hosts) if self.mail_hosts else (HostSettings("local"),)
        return tuple(map(self._with_files, hosts))

    def _with_files(self, host: HostSettings) -> HostSettings:
        """A host behind ssh with the key and the known hosts of all, where it has none of its own."""
        if host.link != "ssh":
            return host
        key, known_hosts = str(self.ssh_key_file.absolute()), str(self.ssh_known_hosts_file.absolute())
        return replace(host, key=host.key or key, known_hosts=host.known_hosts or known_hosts)

    def blocklists(self) -> dict[str, Any]:
        """The tables `[blocklists.ID]` of the file, not looked at yet. Raises SettingsError."""
        return tables_from_toml(self.maildesk_config) if self.maildesk_config else {}

    def alert_rules(self) -> dict[str, Any]:
        """The tables `[alerts.RULE]` of the file, not looked at yet. Raises SettingsError."""
        return content(self.maildesk_config).get("alerts", {}) if self.maildesk_config else {}

    def blocklist_keys(self) -> dict[str, str]:
        """The secret labels by name: for questions alone, never shown."""
        return keys_from_list(self.dnsbl_keys.get_secret_value()) if self.dnsbl_keys else {}

    def pointed_at(self, api_url: str, bot_token: str, app_token: str, channel: str) -> "Settings":
        """These settings for a workspace elsewhere, such as the console's own on loopback."""
        return self.model_copy(
            update={
                "slack_api_url": api_url,
                "slack_bot_token": SecretStr(bot_token),
                "slack_app_token": SecretStr(app_token),
                "ops_channels": (channel,),
            }
        )

    def for_slack(self) -> list[str]:
        """What is missing before the bot can meet Slack, one readable line each."""
        needed = {
            "SLACK_BOT_TOKEN": (
                self.slack_bot_token,
                "the bot's token, from the app's page “OAuth & Permissions”",
            ),
            "SLACK_APP_TOKEN": (
                self.slack_app_token,
                "the app-level token, from “Basic Information”, with the scope connections:write",
            ),
            "OPS_CHANNELS": (self.ops_channels, "the ID (C…) of the channel that the bot works in"),
        }
        return [f"{name} is not set: {what}." for name, (value, what) in needed.items() if not value]


class _Given(Settings):
    """Settings that are what is given, and the defaults: neither the environment nor a file is read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - given by this name
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def given(**values: Any) -> Settings:
    """The settings that are given, whatever the environment of this process says."""
    return _Given(**values)


def load(**values: Any) -> Settings:
    """The settings of this process. Raises SettingsError with one line for each mistake, hosts included."""
    try:
        settings = Settings(**values)
        settings.hosts()
        return settings
    except ValidationError as error:
        problems = [line for each in error.errors() for line in mistakes.lines(each, Settings.model_fields)]
    except SettingsError as error:
        problems = error.problems
    except (OSError, UnicodeDecodeError) as error:
        problems = [f"The file .env can't be read: {error}."]
    raise SettingsError([_without_tokens(line) for line in problems])


def _told_with_the_others(read: Callable[[], T]) -> T:
    """pydantic collects ValueErrors, so that all mistakes are told at once."""
    try:
        return read()
    except SettingsError as error:
        raise ValueError(str(error)) from None


def _without_tokens(line: str) -> str:
    """A token that was set as something else is quoted by no error."""
    return re.sub(r"\b(xox[a-z]|xapp)-[!-&(-~]+", r"\1-…", line)
