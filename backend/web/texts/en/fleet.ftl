# Which series deviate together.
fleet-title = Fleet
fleet-about = Events that began at about the same time stand together: what many series show has a common cause, what one shows alone is likely its own fault.
fleet-all = all detectors
fleet-groups = What deviates together
fleet-no-series = Nothing has been scored yet.
fleet-none = No event in this range: no series deviates.
fleet-since = Since
fleet-until = Until
fleet-what = What it looks like
fleet-channels = Channels in common
fleet-peak = Peak score
fleet-go-on = Go on
fleet-goes-on = goes on
fleet-share = { $deviating } of { $present } series of { $detector }
fleet-and = { $first } and { $last }
fleet-common = { $counted } deviate together: likely a common cause (weather, production, supply).
fleet-part = { $deviating } of { $present } series with { $which } deviate ({ $counted }): likely a cause that those with { $which } have in common.
fleet-several = { $counted } deviate, most do not: look at each of them.
fleet-single = Only { $series }, of { $present } series of { $detector }: likely that machine or its sensors.
fleet-alone = { $series } of { $detector } was the only series with data: there is nothing to compare it with.
fleet-label-all = { $count ->
    [one] Label it
   *[other] Label all { $count }
}
fleet-label-detector = Label the whole detector
fleet-kind = It was
fleet-choose = choose …
fleet-kind-normal = normal
fleet-kind-anomaly = an anomaly
fleet-kind-exclude = to be left out (maintenance)
fleet-note = Note
fleet-save = Save
fleet-labelled = { $count ->
    [one] 1 label was saved. It can be taken back among the labels of its detector.
   *[other] { $count } labels were saved. They can be taken back among the labels of their detectors.
}
fleet-left-out = { $count } older groups are not listed: choose a shorter range.
fleet-over-time = Scores over time
fleet-worst-only = The { $drawn } worst of { $total } series are drawn.
fleet-reading = A row is a series, those that deviate together stand together; colour begins at the threshold. A click opens the series there.
fleet-picture = Scores of { $rows } series over time; the table below tells the same in numbers.
fleet-no-script = The picture needs scripts; the tables do not.
fleet-in-numbers = The same in numbers
fleet-highest = Highest score
fleet-at = At
fleet-share-over = Time above the threshold

fleet-script-point = { $series }, { $time }: { $score }
fleet-script-score = score
