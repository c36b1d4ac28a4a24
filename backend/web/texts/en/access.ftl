# Sign-in, one's own account, accounts and tokens.
sign-in-title = Sign in
sign-in-name = Name
sign-in-name-hint = Leave it empty to sign in by a token.
sign-in-password = Password or token
sign-in-wrong = The name or the password is wrong.
sign-in-wrong-token = This is no token that counts. Enter your name too if you have a password.
sign-in-scoped = This token is for single detectors and serves programs only: sign in by name and password.
sign-in-too-many = { $seconds ->
    [one] Too many tries. Wait one second, then try again.
   *[other] Too many tries. Wait { $seconds } seconds, then try again.
  }
sign-in-forgotten = Password forgotten? An administrator can set a new one.
sign-in-open = Nobody has to sign in yet, because there is no account.

me-title = My account
me-role = Role: { $role }
me-password = Change password
me-former = Present password
me-new = New password
me-again = New password again
me-change = Change password
me-changed = The password was changed. Other browsers have to sign in again.
me-differ = The new password was not typed alike twice; nothing was changed.
me-token = You are signed in by a token, which has no password.

access-title = Access
access-about = Viewers look. Labellers also say what was normal. Administrators change everything.
access-open = Whoever is at this machine may do everything. From the first account on everybody has to sign in, so the first one is an administrator.
access-role-viewer = viewer
access-role-labeller = labeller
access-role-admin = administrator
access-accounts = Accounts
access-no-accounts = No accounts yet. Add your own first.
access-name = Name
access-role = Role
access-role-of = Role of { $name }
access-password = Password
access-password-of = New password of { $name }
access-password-hint = At least { $least } characters.
access-since = Made
access-set = Set
access-remove = Remove
access-remove-one = Remove { $name }
access-remove-sure = Remove the account { $name }? What this person did stays on record.
access-add-account = Add an account
access-user-added = { $name } can sign in now.
access-user-changed = { $name } was changed and has to sign in again.
access-user-removed = { $name } was removed.
access-tokens = Tokens
access-tokens-about = For programs, such as Grafana: shown as Authorization: Bearer, as X-Api-Key, or as the password of HTTP Basic.
access-no-tokens = No tokens yet.
access-token-name = What it is for
access-detectors = Detectors
access-all = all
access-used = Last used
access-ends = Ends
access-never = never
access-days = { $days ->
    [one] in one day
   *[other] in { $days } days
  }
access-revoke = Revoke
access-revoke-one = Revoke { $name }
access-revoke-sure = Revoke the token { $name }? Programs that use it stop working at once.
access-is-revoked = revoked
access-revoked = { $name } counts no more.
access-add-token = Make a token
access-limit = For some detectors only
access-limit-hint = Without a choice it is for all. A token for some reaches those by the API alone.
access-made = The token { $name }
access-made-once = Copy it now. It is shown only this once.
access-secret = Token
access-copy = Copy
access-copied = Copied
