# Versions of a detector, and the review of one.
models-title = Models of { $detector }
models-serving = Version { $number } serves since { $time }.
models-none-serves = No version serves yet.
models-none = There is no version yet. Mark a range as normal, then train the detector: the first version serves at once.
models-none-command = By command: normalcy retrain { $detector }
models-auto = New versions serve as soon as they are trained (promote: auto).
models-review-mode = New versions wait for a person (promote: review).
models-waits = Version { $number } waits for a decision.
models-waits-look = Look at what it would change
models-version = Version
models-trained = Trained
models-state = State
models-state-champion = serves
models-state-challenger = waits
models-state-rejected = turned down
models-state-retired = served before
models-rows = Normal rows
models-learned = Learned from
models-learned-labels = { $count ->
    [one] one label
   *[other] { $count } labels
}
models-learned-recent = recent data, without labels
models-warnings = { $count ->
    [one] one remark
   *[other] { $count } remarks
}
models-since = Serves from
models-never = never served
models-go-on = Go on
models-review = Review
models-history = Who let which version serve
models-history-version = Version
models-history-from = From the point
models-history-at = Decided
models-history-by = By
models-rollback = Roll back to version { $number }
models-rollback-sure = Let the version serve again that served before? Points written so far stay as they are.
models-rolled-back = Version { $number } serves again, from the next point on.
models-promote = Promote version { $number }
models-promote-sure = Let version { $number } serve from the next point on? Points written so far stay as they are, and you can roll back.
models-promoted = Version { $number } serves from the next point on. To undo it, roll back.
models-keep = Keep the present one
models-keep-sure = Turn version { $number } down, so that the present one goes on? It can still be promoted later.
models-kept = Version { $number } is turned down; the present one goes on. It can still be promoted.
models-only-admin = An administrator decides which version serves.

model-title = Version { $number } of { $detector }
model-all = All versions
model-trained = Trained { $time } on { $rows } normal rows.
model-provisional = It learned without labels: it raises no alarm.
models-verdict-fewer = Version { $number } would have raised { $by } alerts fewer a week than version { $champion }: { $rate } a week.
models-verdict-more = Version { $number } would have raised { $by } alerts more a week than version { $champion }: { $rate } a week.
models-verdict-same = Version { $number } would have raised as many alerts as version { $champion }: { $rate } a week.
models-verdict-alone = Version { $number } would have raised { $rate } alerts a week.
models-verdict-blind = Version { $number } could judge nothing of this time.
models-caught-none = No anomaly is labelled in this time, so that nobody knows what it misses.
models-caught-all = { $kept ->
    [still] It would still have caught { $of ->
        [one] the one labelled anomaly.
        [2] both labelled anomalies.
       *[other] all { $of } labelled anomalies.
    }
   *[now] It would have caught { $of ->
        [one] the one labelled anomaly.
        [2] both labelled anomalies.
       *[other] all { $of } labelled anomalies.
    }
}
models-caught-same = It would have caught { $count } of { $of } labelled anomalies.
models-caught-fewer = It would have caught { $count } of { $of } labelled anomalies; the other one caught { $before }.
models-caught-more = It would have caught { $count } of { $of } labelled anomalies; the other one only { $before }.
models-silent = Its alarms are silent: nobody would be told.
models-compare-asked = The comparison is asked for; it appears here as soon as it is done.

model-not-compared = It is not known yet what this version would change.
model-not-compared-hint = Both versions replay the last weeks side by side, against the labels as they are now. Nothing is written.
model-compare = Compare
model-compare-again = Compare again
model-weeks = Look back
model-weeks-count = { $count ->
    [one] one week
   *[other] { $count } weeks
}
model-running = The versions are being compared.
model-progress = Progress of the comparison
model-no-worker = Nothing happens until a worker takes it up: normalcy up, or normalcy jobs.
model-failed = The last comparison did not come to an end: { $message }
model-older = Below is the result of the comparison before.
model-as-of = Compared { $time }, over the time from { $start } to { $stop }.

model-difference = What would change
model-strip = Alerts over the time compared: { $gone } gone, { $new } new, { $kept } kept, { $anomalies } labelled anomalies
model-lane-gone = gone ({ $count })
model-lane-new = new ({ $count })
model-lane-kept = kept ({ $count })
model-lane-anomaly = labelled anomaly ({ $count })
model-figure = Figure
model-of-version = Version { $number }
model-alerts = Alerts
model-alerts-week = Alerts a week
model-silent-alerts = Silent alarms
model-caught = Labelled anomalies caught
model-caught-of = { $count } of { $of }
model-forewarned = Forewarned of
model-forewarning = Forewarning (median)
model-delay = Delay (median)
model-false-share = Labelled normal time under alert
model-trained-share = Seen in training
model-alert-list = Alerts that change
model-no-alerts = Neither raises an alert that the other does not.
model-change = Change
model-gone = gone
model-new = new
model-kept = kept
model-series = Series
model-began = Began
model-lasted = Lasted
model-peak = Peak score
model-channels = Foremost channels
model-label = Label there
model-label-anomaly = anomaly
model-label-normal = normal
model-label-none = none
model-look = Look
model-more = The highest are shown; by command all: normalcy models compare { $detector } { $number } --json
model-anomalies = Labelled anomalies
model-note = Note
model-met-missed = missed
model-met-unwatched = not judged
model-met-caught = caught after { $delay }
model-met-at-once = caught at its start
model-met-forewarned = forewarned { $time } before

model-training = How it was trained
model-choose-series = Series
model-only-series = its only series
model-show = Show
model-loss = Loss by epoch
model-loss-none = Nothing is kept of the losses, as with models that learn in one go.
model-loss-best = Training loss { $loss }, held-out loss { $val } at the epoch that was kept.
model-errors = Errors of held-out normal time, with the threshold
model-errors-none = No held-out errors are kept.
model-errors-told = { $share } of { $rows } held-out normal rows lie above the threshold { $threshold }.
model-basis = What backs the threshold: { $basis }.
model-no-basis = Nothing is known of what backs the threshold.
model-silent = Too little normal time backs this threshold: its alarms are silent. Label more time as normal.
model-looks = Input against reconstruction
model-looks-none = The comparison above brings pictures of input and reconstruction.
model-looks-hint = The final model has seen all normal rows since, also those that were held out for the threshold.
model-look-held_out = The worst held-out normal time
model-look-newest = The newest time
model-look-new = The highest new alert
model-look-gone = The highest alert that is gone
model-hours = Normal hours
model-held-out = Held-out rows
model-threshold = Threshold
model-epochs = Epochs
model-loss-figure = Training loss
model-val-loss = Held-out loss
model-labels-same = It learned from { $count ->
    [one] one label
   *[other] { $count } labels
}; none came or went since.
model-labels-changed = It learned from { $count ->
    [one] one label
   *[other] { $count } labels
}; since then { $added } came and { $removed } went. Train anew to learn from them.
model-trimmed = Left out of what was called normal
model-trimmed-one = { $channel } stood out most
model-remarks = Remarks
model-aside = Series that could not be trained
model-no-script = The pictures need scripts; the figures do not.

model-script-loss = training loss
model-script-val = held-out loss
model-script-champion-loss = version { $number }, held-out loss
model-script-epoch = epoch
model-script-rows = rows
model-script-error = smoothed error
model-script-threshold = threshold
model-script-input = measured
model-script-challenger = version { $number } expected
model-script-champion = version { $number } expected
model-script-blind = This kind of model expects no values: it only weighs them.
model-script-percent = { $share } % done
