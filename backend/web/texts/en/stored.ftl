# What the source holds.
stored-title = Stored data
stored-none = The source holds no measurement yet. Let sensors write to it, or bring a file with
stored-measurements = Measurements
stored-choose = Choose a measurement to see its fields, its tags and how its series are doing.
stored-fields = Fields of { $name }
stored-field = Field
stored-kind = Kind
stored-mixed = also stored as { $kinds }, which is not read
stored-tags = Tags
stored-no-tags = It has no tags: all its rows are one series.
stored-tag = Tag
stored-values = Values
stored-more-values = , and more
stored-series = Series
stored-first = First row
stored-last = Last row
stored-every = A row every
stored-gaps = Gaps lately
stored-only = its only series
stored-newest-gap = , the newest ended
stored-no-gaps = none in { $rows ->
    [one] 1 row
   *[other] { NUMBER($rows, useGrouping: 0) } rows
 }
stored-more = Not all of its series are shown. For more use the command with --by and --limit:
