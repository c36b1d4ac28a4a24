"""How people sign in and which proxies are believed: by file, with secrets by environment alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError
from backend.records import Role
from backend.settings import Settings, load
from backend.settings.values import SessionSettings

OIDC = "issuer: https://id.example/realms/plant, client_id: normalcy"
SECRET = "hush-hush-hush-hush"


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "normalcy.yaml"
    file.write_text(text)
    named = {f"NORMALCY_{name}": value for name, value in environ.items()}
    return load({"NORMALCY_CONFIG": str(file), **named})


def test_nothing_is_on_unless_it_is_said(tmp_path: Path) -> None:
    settings = load({"NORMALCY_HOME": str(tmp_path)})
    web = settings.web
    assert (web.oidc, web.grafana_secret, web.trusted_proxies) == (None, None, ())
    assert web.sessions == SessionSettings(
        idle=timedelta(hours=12), longest=timedelta(days=7), elsewhere=timedelta(hours=12)
    )
    assert settings.audit_kept == timedelta(days=730)


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = f"""
web:
  trusted_proxies: [10.0.0.7, 10.1.0.0/16, "::1"]
  sessions: {{idle: 1h, longest: 1d, elsewhere: 8h}}
  oidc: {{{OIDC}, label: Plant ID, scopes: [openid, groups], name_claim: email,
    groups_claim: realm_access.roles, roles: {{ops: labeller, owners: admin}},
    default_role: viewer}}
audit: {{keep: 90d}}
"""
    settings = loaded(tmp_path, text, OIDC_SECRET=SECRET, GRAFANA_USER_SECRET=SECRET + "2")
    web = settings.web
    assert web.trusted_proxies == ("10.0.0.7/32", "10.1.0.0/16", "::1/128")
    assert web.sessions == SessionSettings(
        idle=timedelta(hours=1), longest=timedelta(days=1), elsewhere=timedelta(hours=8)
    )
    assert web.oidc is not None
    assert web.oidc.roles == {"ops": Role.LABELLER, "owners": Role.ADMIN}
    assert (web.oidc.default_role, web.oidc.label) == (Role.VIEWER, "Plant ID")
    assert (web.oidc.secret, web.grafana_secret) == (SECRET, SECRET + "2")
    assert settings.audit_kept == timedelta(days=90)
    assert "hush" not in repr(settings)


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    file = str(tmp_path / "secret")
    text = f"web: {{oidc: {{{OIDC}, default_role: viewer}}}}"
    web = loaded(tmp_path, text, OIDC_SECRET_FILE=file, GRAFANA_USER_SECRET_FILE=file).web
    assert web.oidc is not None
    assert (web.oidc.secret, web.grafana_secret) == (SECRET, SECRET)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web: {trusted_proxies: [proxy]}", "expected an address such as 10.0.0.7"),
        ("web: {trusted_proxies: [10.0.0.1/8]}", "or a network 10.0.0.0/24"),
        ("web: {sessions: {idle: 1s}}", "web.sessions.idle: expected"),
        ("web: {oidc: {client_id: x, default_role: viewer}}", "web.oidc.issuer: is missing"),
        (f"web: {{oidc: {{{OIDC}}}}}", "nobody could sign in"),
        (f"web: {{oidc: {{{OIDC}, roles: {{a: king}}}}}}", "expected 'viewer', 'labeller'"),
        (
            f"web: {{oidc: {{{OIDC}, default_role: viewer, scopes: [profile]}}}}",
            "expected openid among the scopes",
        ),
        (f"web: {{oidc: {{{OIDC}, secret: x}}}}", "web.oidc.secret: unknown key"),
        (
            "web: {oidc: {issuer: http://id.example, client_id: x, default_role: viewer}}",
            "who listens in could sign in as anybody",
        ),
        (
            "web: {oidc: {issuer: 'https://u:p@id.example', client_id: x, default_role: viewer}}",
            "expected the issuer's address",
        ),
        ("audit: {keep: 1h}", "audit.keep: expected"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as told:
        loaded(tmp_path, text)
    assert expected in "\n".join(map(str, told.value.problems))


def test_a_provider_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    text = "web: {oidc: {issuer: 'http://localhost:9400', client_id: x, default_role: viewer}}"
    assert loaded(tmp_path, text).web.oidc is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OIDC_SECRET", "is set without web: {oidc: …}"),
        ("GRAFANA_USER_SECRET", "expected at least 16 characters"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told_and_not_shown(
    tmp_path: Path, name: str, expected: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        loaded(tmp_path, "home: here", **{name: "hush"})
    (problem,) = told.value.problems
    assert problem.where == f"NORMALCY_{name}"
    assert expected in problem.message
    assert "hush" not in str(problem)
