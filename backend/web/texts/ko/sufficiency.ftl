# 정상 구간이 충분히 표시되었는지.
sufficiency-title = { $detector }의 라벨은 충분한가요?
sufficiency-no-series = { $measurement }에 아직 데이터가 있는 시리즈가 없습니다. 센서가 기록하기 시작하면 여기에서 라벨을 평가할 수 있습니다.
sufficiency-verdict = 판정
sufficiency-verdict-enough = 충분함
sufficiency-verdict-thin = 빈약함
sufficiency-verdict-not-enough = 부족함
sufficiency-verdict-contradictory = 모순됨
sufficiency-part-hours = 정상 { $hours }시간
sufficiency-part-hours-days = { $days }일에 걸쳐 정상 { $hours }시간
sufficiency-part-wanted = 임계값에는 { $wanted }시간이 필요함
sufficiency-part-lacking = { $lacking }
sufficiency-part-denied = 이상 라벨이 정상 라벨의 절반 이상을 덮음
sufficiency-part-contradicted = 그중 { $hours }시간은 그래도 이상으로 표시되었거나 학습에서 제외됨
sufficiency-part-overlaps = { $count ->
   *[other] 이상 라벨이 정상 라벨과 { $count }번 겹침
  }
sufficiency-part-nights = 야간이 빠져 있음({ $from }부터 { $to }까지 0시간)
sufficiency-part-part-of-day = 하루 중 일부가 빠져 있음({ $from }부터 { $to }까지 0시간)
sufficiency-part-weekdays = 포함되지 않은 요일: { $days }
sufficiency-part-outside = 최근 데이터의 { $share } %는 정상이라고 한 어떤 것과도 비슷하지 않음
sufficiency-part-mostly = 최근 데이터는 { $share } %를 빼고 모두 이와 비슷함
sufficiency-part-all = 최근 데이터가 모두 이와 비슷함
sufficiency-monday = 월요일
sufficiency-tuesday = 화요일
sufficiency-wednesday = 수요일
sufficiency-thursday = 목요일
sufficiency-friday = 금요일
sufficiency-saturday = 토요일
sufficiency-sunday = 일요일
sufficiency-mark = 정상 구간을 더 표시하기
sufficiency-hours = { $hours }시간
sufficiency-hours-on-days = { $days ->
   *[other] { $days }일에 { $hours }시간
  }
sufficiency-labelled = 정상으로 표시됨
sufficiency-needed = 학습에 필요함
sufficiency-wanted = 임계값에 필요함
sufficiency-outside-share = 라벨과 비슷하지 않은 최근 데이터
sufficiency-gap-hours = 라벨 안의 빈 시간
sufficiency-week = 요일별 시간({ $zone })
sufficiency-state-covered = 한 시간 이상
sufficiency-state-thin = 한 시간 미만
sufficiency-state-absent = 데이터는 있으나 라벨이 없음
sufficiency-state-none = 데이터 없음
sufficiency-levels = 값의 수준
sufficiency-levels-hint = 각 채널의 최근 값을 가장 낮은 수준부터 가장 높은 수준까지 나누고, 그 옆에 라벨된 값의 비율을 보여 줍니다.
sufficiency-levels-of = { $channel }의 수준: 최근 값의 { $share } %가 어떤 라벨에도 포함되지 않은 수준에 있습니다
sufficiency-level = { $low }~{ $high }: 최근 값의 { $live } %, 라벨된 값의 { $normal } %
sufficiency-no-live = 라벨과 비교할 최근 데이터가 없습니다.
sufficiency-live = 최근 데이터
sufficiency-normal = 정상으로 표시됨
sufficiency-uncovered = 라벨이 거의 없음
sufficiency-uncovered-share = { $share } % 포함되지 않음
sufficiency-all-covered = 모두 포함됨
sufficiency-outside = 라벨과 비슷하지 않은 최근 데이터
sufficiency-outside-unknown = 정상 구간이 표시되고 최근 데이터가 있어야 알 수 있습니다.
sufficiency-outside-none = 없음: 모두 정상이라고 한 것과 비슷합니다.
sufficiency-range = 구간
sufficiency-channel = 가장 두드러진 채널
sufficiency-more = { $count ->
   *[other] 더 짧은 구간이 { $count }개 더 있습니다.
  }
sufficiency-contradictions = 모순
sufficiency-contradictions-none = 없음: 정상 라벨에 어긋나는 것이 없습니다.
sufficiency-what = 내용
sufficiency-kind-overlap = 정상 라벨과 이상 라벨이 여기에서 겹칩니다. 이상 라벨이 우선합니다.
sufficiency-kind-flagged = 이것을 정상으로 학습한 모델이 오랫동안 이상으로 표시했습니다.
sufficiency-kind-trimmed = 마지막 학습이 나머지와 너무 다르다며 제외했습니다.
sufficiency-label = 라벨 { $number }
sufficiency-gaps = 라벨은 있으나 데이터가 없음
sufficiency-all = 모든 시리즈
sufficiency-all-hint = 라벨만으로 본 판정입니다. 시리즈를 고르면 데이터와 비교합니다.
sufficiency-by-labels = 라벨에 따르면
sufficiency-more-series = { $count ->
   *[other] 시리즈 { $count }개는 목록에 없습니다. 명령이나 API로 확인하세요.
  }
