# What stands on every page.
shell-skip = Skip to content
shell-pages = Pages
shell-overview = Overview
shell-fleet = Fleet
shell-work = Work
shell-alerts = Alerts
shell-stored = Stored data
shell-access = Access
shell-sign-in = Sign in
shell-sign-out = Sign out
shell-settings = Language and theme
shell-language = Language
shell-theme = Theme
shell-theme-system = as the system
shell-theme-light = light
shell-theme-dark = dark
shell-apply = Apply
shell-cancel = Cancel
shell-confirm = Yes, do it
shell-detector-pages = Pages of { $detector }
shell-detector = Charts
shell-labels = Labels
shell-sufficiency = Enough data?
shell-models = Models
shell-threshold = Threshold
shell-edit = Set-up
shell-to-overview = To the overview

# For the scripts.
script-unreachable = The server cannot be reached, and nothing was changed: is it running?
script-answered = The server answered { $status }.
script-signed-out = You are signed out. What you typed is kept: sign in in another window, and then try again.
script-cancel = { shell-cancel }
script-confirm = { shell-confirm }
script-loading = Loading
script-nothing = Nothing is stored in this range.
script-chart-help = Arrow keys move, plus and minus zoom, Home shows everything.

# Under charts.
legend = Marked in the chart
legend-normal = labelled normal
legend-anomaly = labelled anomaly
legend-exclude = excluded
legend-event = detected event
