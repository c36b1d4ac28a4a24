# 얼마나 전인지, 언제인지.
time-never = 없음
time-now = 지금
time-ago-day = { $count }일 전
time-ago-hour = { $count }시간 전
time-ago-min = { $count }분 전
time-ago-s = { $count }초 전
time-in-day = { $count }일 후
time-in-hour = { $count }시간 후
time-in-min = { $count }분 후
time-in-s = { $count }초 후
