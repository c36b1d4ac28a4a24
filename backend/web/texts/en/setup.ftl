# A detector is set up.
setup-title = Set up a detector
setup-edit-title = Change { $detector }
setup-no-measurements = The store holds no measurement yet. Let your sensors write to it, or bring a file in with
setup-measurement = Measurement
setup-measurement-hint = What its rows hold decides what is proposed next.
setup-propose = Propose a detector
setup-another = Choose another
setup-mistakes = { $count ->
    [one] One mistake: it is told where it stands. Nothing was stored.
   *[other] { $count } mistakes: each is told where it stands. Nothing was stored.
  }
setup-what = What is watched
setup-name = Name
setup-every = A grid point every
setup-reasons = Why grid and window are proposed so
setup-fields = Channels and series
setup-field = Field
setup-use = Use
setup-use-of = Use of { $name }
setup-use-channel = watch it
setup-use-context = context only
setup-use-left-out = leave it out
setup-reason = Why it is proposed so
setup-tags = Tags that part the rows into series
setup-no-tags = There are none: all rows are one series.
setup-series-count = { $count ->
    [one] By what is proposed that is one series.
   *[other] By what is proposed that are { $count } series.
  }
setup-where = Only rows with these tags (tag=value, one a line)
setup-how = How it is learned
setup-model = Model
setup-window = Window, in grid points
setup-window-hint = Empty: as the model has it. For models with one window { $window } suits these data.
setup-threshold = Threshold
setup-alarms = Alarms allowed (for budget)
setup-settings = Other settings (key=value, one a line)
setup-settings-hint = Every key that normalcy.yaml knows for a detector.
setup-check = Check and show again
setup-look = Look at the data
setup-look-hint = Drag over the chart to say what was normal, or type the range below. Gaps are hatched.
setup-take-shown = Take what is shown
setup-no-script = The chart needs scripts; type the range that was normal below.
setup-normal = What was normal
setup-utc = (UTC)
setup-label = Keep this range as a label when the detector is saved
setup-range-wrong = Choose a range that was normal: it must end after its start.
setup-dry-run = Dry run
setup-dry-run-hint = Trains on the range and scores the newest two weeks. Nothing is stored.
setup-try = Try it
setup-look-again = Look again
setup-waiting = Asked for. A worker takes it up; if nothing happens, start the jobs with: normalcy up
setup-ended = The dry run ended without a result.
setup-result = Trained on { $rows } rows ({ $hours } h) in { $seconds } s.
setup-held-out = Of held-out normal rows { $share } % would be flagged.
setup-course = Score of the newest data
setup-col-series = Series
setup-col-hours = Hours learned
setup-col-threshold = Threshold
setup-col-loss = Loss
setup-col-held-out-flagged = Normal rows flagged
setup-col-recent = Recent rows flagged
setup-col-alarms-then = Alarms
setup-alarms-of = Where { $series } would have raised alarms
setup-save = Save
setup-yaml = As it stands in YAML
setup-save-it = Save the detector
setup-save-changes = Save the changes
setup-export = Download as YAML
setup-saved = { $name } is saved. As soon as a model is trained, it is scored.
setup-changed = { $name } is changed. The next training takes it up.
setup-labelled = The range is kept as a normal label.
setup-read-only = This detector stands in normalcy.yaml, and is changed there: so its definition lives in one place.
setup-not-yours = Only an administrator may change it.
setup-remove = Remove the detector
setup-remove-sure = Remove { $name }? It is no longer scored; its labels, versions and results stay.
setup-removed = { $name } is removed
setup-removed-stays = Its labels, versions and results stay. This was its definition:
setup-restore = Put it back
setup-restored = { $name } is back.

setup-script-no-gaps = No gaps in the range shown.
setup-script-gaps = Gaps in the range shown: { $count }, the last from { $from } to { $to }.
setup-script-waiting = Waiting for a worker; if nothing happens, start the jobs with: normalcy up
setup-script-running = { $share } %
setup-script-only-series = its only series
setup-script-line = alarm line
setup-script-score = score
