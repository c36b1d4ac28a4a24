# Whether enough normal time is labelled.
sufficiency-title = Is enough labelled for { $detector }?
sufficiency-no-series = No series of { $measurement } has any data yet. As soon as sensors write to it, their labels can be judged here.
sufficiency-verdict = Verdict
sufficiency-verdict-enough = Enough
sufficiency-verdict-thin = Thin
sufficiency-verdict-not-enough = Not enough
sufficiency-verdict-contradictory = Contradictory
sufficiency-part-hours = { $hours } h of normal
sufficiency-part-hours-days = { $hours } h of normal over { $days } days
sufficiency-part-wanted = the threshold wants { $wanted } h
sufficiency-part-lacking = { $lacking }
sufficiency-part-denied = an anomaly takes away half of a normal label or more
sufficiency-part-contradicted = { $hours } h of it were flagged or left out of training all the same
sufficiency-part-overlaps = { $count ->
    [one] an anomaly overlaps a normal label
   *[other] anomalies overlap normal labels, { $count } times
  }
sufficiency-part-nights = nights are missing (0 h between { $from } and { $to })
sufficiency-part-part-of-day = a part of the day is missing (0 h between { $from } and { $to })
sufficiency-part-weekdays = not covered: { $days }
sufficiency-part-outside = { $share } % of the recent data is like nothing that was called normal
sufficiency-part-mostly = all but { $share } % of the recent data is like it
sufficiency-part-all = all of the recent data is like it
sufficiency-monday = Monday
sufficiency-tuesday = Tuesday
sufficiency-wednesday = Wednesday
sufficiency-thursday = Thursday
sufficiency-friday = Friday
sufficiency-saturday = Saturday
sufficiency-sunday = Sunday
sufficiency-mark = Mark more of it as normal
sufficiency-hours = { $hours } h
sufficiency-hours-on-days = { $hours } h on { $days ->
    [one] one day
   *[other] { $days } days
  }
sufficiency-labelled = Labelled normal
sufficiency-needed = Needed to train
sufficiency-wanted = Wanted behind the threshold
sufficiency-outside-share = Recent data like no label
sufficiency-gap-hours = Without data in labels
sufficiency-week = Hours of the week ({ $zone })
sufficiency-state-covered = an hour or more
sufficiency-state-thin = less than an hour
sufficiency-state-absent = there are data, and no label
sufficiency-state-none = no data
sufficiency-levels = Levels
sufficiency-levels-hint = The recent values of each channel, parted into levels from the lowest to the highest; beside each the share of the labelled values that lie there.
sufficiency-levels-of = Levels of { $channel }: { $share } % of its recent values are at levels that no label covers
sufficiency-level = { $low } to { $high }: { $live } % of the recent values, { $normal } % of the labelled ones
sufficiency-no-live = There are no recent data to compare the labels with.
sufficiency-live = recent data
sufficiency-normal = labelled normal
sufficiency-uncovered = hardly covered by any label
sufficiency-uncovered-share = { $share } % not covered
sufficiency-all-covered = all covered
sufficiency-outside = Recent data like nothing labelled
sufficiency-outside-unknown = It cannot be told before some normal time is labelled and recent data are there.
sufficiency-outside-none = Nothing: all of it is like what was called normal.
sufficiency-range = Range
sufficiency-channel = Most in
sufficiency-more = { $count ->
    [one] And one more, which is shorter.
   *[other] And { $count } more, which are shorter.
  }
sufficiency-contradictions = Contradictions
sufficiency-contradictions-none = None: nothing speaks against the normal labels.
sufficiency-what = What
sufficiency-kind-overlap = A normal label and an anomaly overlap here; the anomaly counts.
sufficiency-kind-flagged = A model that had learned this as normal flagged it for long.
sufficiency-kind-trimmed = The last training left it out as too unlike the rest.
sufficiency-label = Label { $number }
sufficiency-gaps = Labelled, but without data
sufficiency-all = All series
sufficiency-all-hint = By their labels alone; choose one to compare it with its data.
sufficiency-by-labels = By its labels
sufficiency-more-series = { $count ->
    [one] One more series is not listed: ask for it by the command or the API.
   *[other] { $count } more series are not listed: ask for them by the command or the API.
  }
