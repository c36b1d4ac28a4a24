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
sign-in-elsewhere = Sign in by { $place }
sign-in-elsewhere-unreachable = { $place } cannot be reached at the moment. Try again later, or sign in by a local account.
sign-in-elsewhere-answer = { $place } gave an answer that was not accepted, so nobody was signed in. Try again; if it happens again, the log of normalcy tells an administrator why.
sign-in-elsewhere-stale = This sign-in took too long, or did not begin in this browser. Begin again.
sign-in-elsewhere-cancelled = The sign-in was called off at { $place }. Nobody was signed in.
sign-in-elsewhere-no-name = { $place } did not tell a name to know you by. An administrator can choose another statement of it.
sign-in-elsewhere-no-role = { $place } knows you as { $name }, but none of your groups may use normalcy. Ask an administrator to let you in.
sign-in-elsewhere-name-taken = The name { $name } belongs to somebody else here already. Ask an administrator to settle which of you keeps it.
sign-in-left = You are signed out here. { $place } may still know you.
sign-in-left-there = Sign out of { $place } too

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
me-elsewhere = Another service vouches for you; password and groups are changed there.
me-sessions = Where you are signed in
me-session-unknown = A browser that does not say its name
me-session-since = signed in
me-session-seen = last seen
me-session-here = This browser
me-session-end = Sign out
me-session-end-others = Sign out everywhere else
me-ended = That browser is signed out.
me-ended-already = That session had ended already.
me-ended-others = { $count ->
    [one] One other browser was signed out.
   *[other] { $count } other browsers were signed out.
  }
me-no-session = Nobody is signed in in this browser.

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
