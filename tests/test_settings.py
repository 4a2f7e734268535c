"""Settings: every mistake is one readable line, and no secret is ever shown."""

from pathlib import Path
from typing import Any

import pytest

from bot.errors import SettingsError
from bot.settings import HostSettings, Settings, given, load

TOKEN = "xoxb-the-very-secret-token"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    return refused.value.problems


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OPS_CHANNELS": "ops"}, "OPS_CHANNELS: 'ops' is not a channel ID"),
        ({"OPS_CHANNELS": "C0OPS,#ops"}, "OPS_CHANNELS: '#ops' is not a channel ID"),
        ({"APPROVERS": "ana"}, "APPROVERS: 'ana' is neither a user ID"),
        ({"VIEWERS": "U012AB,@ben"}, "VIEWERS: '@ben' is neither"),
        ({"CHANNEL_ADDRESSES": "some"}, "CHANNEL_ADDRESSES: 'some' is not one of masked, full, none."),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL: 'LOUD' is not one of DEBUG, INFO, WARNING, ERROR."),
        ({"SLACK_BOT_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN: this is not a token of that kind: it starts with xoxb-"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN: this is not a token of that kind: it starts with xapp-"),
        ({"SLACK_API_URL": "slack"}, "SLACK_API_URL: 'slack' is not the URL"),
        ({"SLACK_BOT_TOKEN_FILE": "/nonexistent"}, "SLACK_BOT_TOKEN_FILE: /nonexistent can't be read"),
        ({"SLACK_BOT_TOKEN_FILE": "/x", "SLACK_BOT_TOKEN": TOKEN}, "are both set; keep one of them"),
        ({"DATABASE_URL": "mysql://u:word@h/d"}, "DATABASE_URL: this is not the address of a database"),
        ({"DATABASE_URL": "postgresql://u:p@ssword@h/d"}, "In a password, write / as %2F, # as %23 and @ as %40"),
        ({"AUDIT_KEY": "short"}, "AUDIT_KEY: 5 characters are too few for this key; it has 32 or more"),
        ({"AUDIT_KEY": "k" * 32, "AUDIT_KEY_FILE": "/x"}, "AUDIT_KEY and AUDIT_KEY_FILE are both set"),
        ({"DNS_SERVERS": "127.0.0.1,dns.example.org"}, "DNS_SERVERS: 'dns.example.org' is not a name server"),
        ({"DNS_TIMEOUT": "0"}, "DNS_TIMEOUT: '0' is not a number above 0 up to 60."),
        ({"DNS_TIMEOUT": "nan"}, "DNS_TIMEOUT: 'nan' is not a number above 0 up to 60."),
        ({"APPROVAL_TTL": "soon"}, "APPROVAL_TTL: 'soon' is not a whole number from 1 up to 1,440."),
        ({"APPROVAL_TTL": "2.5"}, "APPROVAL_TTL: '2.5' is not a whole number"),
        ({"APPROVAL_SELF_MAX": "-1"}, "APPROVAL_SELF_MAX: '-1' is not a whole number from 0 up to 100,000."),
        ({"APPROVAL_TYPED_OVER": "9" * 5000}, "APPROVAL_TYPED_OVER: this is not a whole number from 0 up to 100,000."),
        ({"MAIL_HOSTS": "mx1=carrier-pigeon"}, "'carrier-pigeon' is not a way to reach a mail host"),
        ({"MAIL_HOSTS": "=local"}, "a mail host needs a name"),
        ({"MAIL_HOSTS": "mx1=local,MX1=sudo"}, "there are two mail hosts named MX1"),
        ({"MAIL_HOSTS": "mx1=local:../etc"}, "is not the name of a Postfix instance"),
        ({"MAIL_HOSTS": ","}, "MAIL_HOSTS names no mail host"),
        ({"MAIL_HOSTS": "mx1=ssh"}, "a mail host behind ssh is written ssh://USER@ADDRESS[:PORT][/INSTANCE]"),
        ({"MAIL_HOSTS": "mx1=ssh:maildesk@mx1"}, "is written ssh://USER@ADDRESS"),
        ({"MAIL_HOSTS": "mx1=ssh://"}, "'' is neither a name nor an IP address that ssh could connect to"),
        ({"MAIL_HOSTS": "mx1=ssh://-oProxyCommand=x"}, "'-oProxyCommand=x' is neither a name nor an IP address"),
        ({"MAIL_HOSTS": "mx1=ssh://a b@mx1"}, "'a b' is not the name of a user there"),
        ({"MAIL_HOSTS": "mx1=ssh://mx1:ssh"}, "'ssh' is not a port: ports go from 1 to 65535"),
        ({"MAIL_HOSTS": "mx1=ssh://mx1:65536"}, "65536 is not a port"),
        ({"MAIL_HOSTS": "mx1=ssh://mx1/../etc"}, "'../etc' is not the name of a Postfix instance"),
        ({"MAIL_HOSTS": "mx1=ssh://[2001:db8::g]"}, "'2001:db8::g' is neither a name nor an IP address"),
        ({"DNSBL_DROP": "Spam Cop"}, "DNSBL_DROP: 'Spam Cop' is not the ID of a blocklist"),
        ({"DNSBL_KEYS": "spamhaus"}, "DNSBL_KEYS: entry 1 is not NAME=KEY"),
        ({"DNSBL_KEYS": "spamhaus=a,spamhaus=b"}, "DNSBL_KEYS: there are two keys named spamhaus"),
        ({"DNSBL_KEYS": "spamhaus=a", "DNSBL_KEYS_FILE": "/x"}, "are both set; keep one of them"),
        ({"MAILDESK_CONFIG": "/nonexistent.toml"}, "/nonexistent.toml can't be read"),
    ],
)
def test_each_mistake_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    (line,) = problems(monkeypatch, **environment)
    assert said in line
    assert "\n" not in line


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(problems(monkeypatch, OPS_CHANNELS="ops", APPROVERS="ana", LOG_LEVEL="LOUD")) == 3


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[hosts.mx1]\nlink = 'ssh2'\n", "'ssh2' is not a way"),
        ("[hosts.mx1]\ncolour = 'red'\n", "'colour' is not a member"),
        ("[hosts.mx1]\nini = 'agent.ini'\n", "ini must be an absolute path"),
        ("[hosts.mx1]\nlink = 'ssh'\n", 'link = "ssh" needs an address'),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx 1'\n", "'mx 1' is neither a name nor an IP address"),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\nagent = '/x'\n", "agent says nothing behind ssh"),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\nport = '22'\n", "'22' is not a port"),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\nport = true\n", "True is not a port"),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\ntimeout = 0\n", "0 is not a timeout: it goes from 1 to 300"),
        ("[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\nkey = 'ssh.key'\n", "key must be an absolute path"),
        ("[hosts.mx1]\nlink = 'sudo'\naddress = 'mx1'\n", 'address is for link = "ssh"; this one is sudo'),
        ("[hosts.mx1]\ngroups = 'eu'\n", "groups must be a list of strings"),
        ("[hosts.mx1]\ngroups = ['@eu']\n", "'@eu' is not a group: it is a name without @"),
        ("[hosts.mx1]\ngroups = ['here']\n", "'here' can't be a group: Slack makes a mention of everybody of @here"),
        ("[hosts.mx1]\ninstance = 3\n", "instance must be a string"),
        ("[hosts.mx1]\ndomains = 'example.org'\n", "domains must be a list of strings"),
        ("[hosts.mx1]\nselectors = [3]\n", "selectors must be a list of strings"),
        ("[hosts.mx1]\nselectors = ['a b']\n", "'a b' is not a DKIM selector"),
        ("[hosts.mx1]\nfqdn = 'mx1'\n", "'mx1' is not a full name"),
        ("[hosts.mx1]\naddresses = ['mx1.example.org']\n", "'mx1.example.org' is not an IP address"),
        ("[hosts.mx1]\naddresses = ['192.168.1.2']\n", "192.168.1.2 is an address for the inside"),
        ("hosts = 3\n", "mail hosts are [hosts.NAME]"),
        ("blocklists = 3\n", "blocklists are [blocklists.ID]"),
        ("[others]\n", "'others' is not known there"),
        ("", "has no table [hosts.NAME]"),
        ("[hosts.mx1\n", "is not valid TOML"),
        ("[hosts.mx1]\nlink = ['sudo']\n", "link must be a string"),
        ("[hosts.mx1]\ninstance = ''\n", "'' is not the name of a Postfix instance"),
        ('[hosts."mx\\n1"]\n', "[hosts.'mx\\n1']: a mail host needs a name"),
        ("[hosts.mx1]\n[hosts.MX1]\n", "there are two mail hosts named MX1"),
        ("[hosts]\nmx1 = 'local'\n", "[hosts.mx1] is not a table"),
        ("[[hosts]]\nname = 'mx1'\n", "mail hosts are [hosts.NAME]"),
        ("# \xff\n", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_toml_file_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: str, said: str
) -> None:
    (tmp_path / "m.toml").write_text(toml, encoding="latin-1")
    (line,) = problems(monkeypatch, MAILDESK_CONFIG=str(tmp_path / "m.toml"))
    assert said in line
    assert "\n" not in line


def test_hosts_come_from_the_list_the_file_or_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load().hosts() == (HostSettings("local"),)
    monkeypatch.setenv("MAIL_HOSTS", "mx1=local, mx2=sudo:outbound")
    assert load().hosts() == (HostSettings("mx1"), HostSettings("mx2", "sudo", "outbound"))
    monkeypatch.delenv("MAIL_HOSTS")
    (tmp_path / "m.toml").write_text("[hosts.mx1]\nlink = 'sudo'\nagent = '/opt/agent'\n[hosts.mx2]\n")
    monkeypatch.setenv("MAILDESK_CONFIG", str(tmp_path / "m.toml"))
    assert load().hosts() == (HostSettings("mx1", "sudo", agent="/opt/agent"), HostSettings("mx2"))


def test_hosts_behind_ssh_have_the_key_and_the_known_hosts_of_all_or_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files: dict[str, Any] = {"key": str(tmp_path / "ssh.key"), "known_hosts": str(tmp_path / "known_hosts")}
    monkeypatch.setenv(
        "MAIL_HOSTS", "mx1=local,mx2=ssh://mx2.example.org,mx3=ssh://bot@[2001:db8::3]:2222/out,mx4=ssh://ann@mx4/"
    )
    assert load().hosts() == (
        HostSettings("mx1"),
        HostSettings("mx2", "ssh", address="mx2.example.org", **files),
        HostSettings("mx3", "ssh", "out", address="2001:db8::3", user="bot", port=2222, **files),
        HostSettings("mx4", "ssh", address="mx4", user="ann", **files),
    )
    monkeypatch.delenv("MAIL_HOSTS")
    (tmp_path / "m.toml").write_text(
        "[hosts.mx1]\nlink = 'ssh'\naddress = 'mx1'\nkey = '/own'\ntimeout = 5\ngroups = ['eu', 'de']\n"
        "[hosts.mx2]\nlink = 'ssh'\naddress = '192.0.2.2'\nport = 22022\nuser = 'm'\n"
    )
    monkeypatch.setenv("MAILDESK_CONFIG", str(tmp_path / "m.toml"))
    monkeypatch.setenv("SSH_KNOWN_HOSTS_FILE", "/etc/ssh/ssh_known_hosts")
    one, two = load().hosts()
    assert (one.key, one.known_hosts, one.timeout) == ("/own", "/etc/ssh/ssh_known_hosts", 5)
    assert (one.groups, one.user, one.port) == (("eu", "de"), "maildesk", 22)
    assert (two.key, two.address, two.port, two.user) == (str(tmp_path / "ssh.key"), "192.0.2.2", 22022, "m")


def test_how_a_host_sends_can_be_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        "[hosts.mx1]\nfqdn = 'mx1.example.org'\naddresses = ['192.0.2.25', '2001:db8::25']\n"
        "domains = ['example.org', 'xn--grn-ioa.example']\nselectors = ['mail2026', 's1.new']\n"
    )
    monkeypatch.setenv("MAILDESK_CONFIG", str(tmp_path / "m.toml"))
    (host,) = load().hosts()
    assert (host.fqdn, host.addresses) == ("mx1.example.org", ("192.0.2.25", "2001:db8::25"))
    assert (host.domains, host.selectors) == (("example.org", "xn--grn-ioa.example"), ("mail2026", "s1.new"))


def test_a_secret_can_come_from_a_file_and_is_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", str(tmp_path / "token"))
    settings = load()
    assert settings.slack_bot_token
    assert settings.slack_bot_token.get_secret_value() == TOKEN
    assert TOKEN not in f"{settings!r} {settings} {settings.model_dump()}"
    monkeypatch.setenv("SLACK_APP_TOKEN", TOKEN)
    assert TOKEN not in "".join(problems(monkeypatch))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pass/word@h/d",
        "postgresql://u:pass#word@h",
        "pgsql://u:password@h",
        "postgresql://u:p word@h",
    ],
)
def test_a_password_of_the_database_is_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    (line,) = problems(monkeypatch, DATABASE_URL=url)
    assert url not in line
    assert "word@" not in line.replace("PASSWORD@", "")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:the-password@h/d?sslmode=require")
    settings = load()
    assert "the-password" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\xfe\x00", "is not text"), (b" \n", "is empty"), (None, "can't be read")]
)
def test_a_file_that_holds_no_secret_is_named_for_each_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    path = str(tmp_path / "token")
    bot, app = problems(monkeypatch, SLACK_BOT_TOKEN_FILE=path, SLACK_APP_TOKEN_FILE=path)
    assert bot.startswith(f"SLACK_BOT_TOKEN_FILE: {path} ")
    assert app.startswith(f"SLACK_APP_TOKEN_FILE: {path} ")
    assert said in bot
    assert said in app


def test_the_file_may_be_about_blocklists_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("[blocklists.barracuda]\nweight = 'medium'\n")
    monkeypatch.setenv("MAILDESK_CONFIG", str(tmp_path / "m.toml"))
    monkeypatch.setenv("MAIL_HOSTS", "mx1=local")
    settings = load()
    assert [host.name for host in settings.hosts()] == ["mx1"]
    assert settings.blocklists() == {"barracuda": {"weight": "medium"}}


def test_one_of_the_two_names_the_mail_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text("[hosts.mx1]\n")
    (line,) = problems(monkeypatch, MAILDESK_CONFIG=str(tmp_path / "m.toml"), MAIL_HOSTS="mx2=local")
    assert "both name the mail hosts" in line


def test_keys_of_blocklists_come_from_a_variable_or_a_file_and_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DNSBL_KEYS", "spamhaus=abc123, abusix=def456")
    assert load().blocklist_keys() == {"spamhaus": "abc123", "abusix": "def456"} and "abc123" not in repr(load())
    monkeypatch.delenv("DNSBL_KEYS")
    (tmp_path / "keys").write_text("spamhaus=abc123\nabusix=def456\n")
    monkeypatch.setenv("DNSBL_KEYS_FILE", str(tmp_path / "keys"))
    assert load().blocklist_keys() == {"spamhaus": "abc123", "abusix": "def456"}


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields if not name.endswith("_file")])
def test_a_token_that_is_set_as_something_else_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    value = f"{TOKEN} and more" if name == "SLACK_BOT_TOKEN" else TOKEN
    assert TOKEN not in "".join(problems(monkeypatch, **{name: value}))


def test_a_dot_env_that_is_no_text_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"LOG_LEVEL=\xff\xfe\n")
    (line,) = problems(monkeypatch)
    assert line.startswith("The file .env can't be read: ")


def test_what_slack_needs_is_named_when_it_is_missing() -> None:
    assert [line.partition(" ")[0] for line in load().for_slack()] == [
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "OPS_CHANNELS",
    ]


def test_lists_are_read_with_commas_and_without_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVERS", " U012AB, S034CD,login:ana,U012AB ,")
    assert load().approvers == ("U012AB", "S034CD", "login:ana")


def test_name_servers_are_addresses_with_a_port_where_it_is_not_53(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNS_SERVERS", "127.0.0.1:5353, ::1 ,[2001:db8::53]:5300,127.0.0.1:5353")
    assert load().dns_servers == ("127.0.0.1:5353", "::1", "[2001:db8::53]:5300")


def test_given_settings_do_not_depend_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPERATORS=login:eve\n")
    monkeypatch.setenv("APPROVAL_TTL", "soon")
    monkeypatch.setenv("AUDIT_KEY", "k" * 32)
    settings = given(viewers=("login:vic",))
    assert (settings.approval_ttl, settings.audit_key, settings.operators) == (30, None, ())
    assert settings.viewers == ("login:vic",)
