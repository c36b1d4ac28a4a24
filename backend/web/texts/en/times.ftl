# How long ago, and when.
time-never = never
time-now = now
time-ago-day = { $count ->
    [one] 1 day ago
   *[other] { $count } days ago
 }
time-ago-hour = { $count ->
    [one] 1 hour ago
   *[other] { $count } hours ago
 }
time-ago-min = { $count } min ago
time-ago-s = { $count } s ago
time-in-day = { $count ->
    [one] in 1 day
   *[other] in { $count } days
 }
time-in-hour = { $count ->
    [one] in 1 hour
   *[other] in { $count } hours
 }
time-in-min = in { $count } min
time-in-s = in { $count } s
