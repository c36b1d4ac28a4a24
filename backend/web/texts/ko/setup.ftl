# 감지기 설정.
setup-title = 감지기 만들기
setup-edit-title = { $detector } 바꾸기
setup-no-measurements = 저장소에 아직 측정값이 없습니다. 센서가 기록하게 하거나 다음 명령으로 파일을 가져오세요:
setup-measurement = 측정값
setup-measurement-hint = 저장된 내용에 따라 다음 제안이 정해집니다.
setup-propose = 감지기 제안받기
setup-another = 다른 것 고르기
setup-mistakes = { $count ->
   *[other] 잘못된 곳이 { $count }군데 있습니다. 각각 해당 위치에 표시됩니다. 아무것도 저장되지 않았습니다.
  }
setup-what = 무엇을 감시할까요
setup-name = 이름
setup-every = 격자 간격
setup-reasons = 간격과 창을 이렇게 제안한 까닭
setup-fields = 채널과 시리즈
setup-field = 필드
setup-use = 용도
setup-use-of = { $name }의 용도
setup-use-channel = 감시함
setup-use-context = 참고만 함
setup-use-left-out = 제외함
setup-reason = 이렇게 제안한 까닭
setup-tags = 행을 시리즈로 나누는 태그
setup-no-tags = 없음: 모든 행이 하나의 시리즈입니다.
setup-series-count = { $count ->
   *[other] 제안대로라면 시리즈는 { $count }개입니다.
  }
setup-where = 이 태그를 가진 행만(태그=값, 한 줄에 하나)
setup-how = 어떻게 학습할까요
setup-model = 모델
setup-window = 창(격자점 수)
setup-window-hint = 비워 두면 모델의 기본값입니다. 창이 하나인 모델에는 { $window }이(가) 알맞습니다.
setup-threshold = 임계값
setup-alarms = 허용되는 알람(budget일 때)
setup-settings = 그 밖의 설정(키=값, 한 줄에 하나)
setup-settings-hint = normalcy.yaml이 감지기에 대해 아는 모든 키를 쓸 수 있습니다.
setup-check = 확인하고 다시 보기
setup-look = 데이터 보기
setup-look-hint = 차트 위를 끌어 정상이었던 구간을 정하거나 아래에 입력하세요. 빈 구간은 빗금으로 표시됩니다.
setup-take-shown = 보이는 구간 쓰기
setup-no-script = 차트에는 스크립트가 필요합니다. 정상이었던 구간을 아래에 입력하세요.
setup-normal = 정상이었던 구간
setup-utc = (UTC)
setup-label = 감지기를 저장할 때 이 구간을 라벨로 남기기
setup-range-wrong = 정상이었던 구간을 고르세요. 끝은 시작보다 뒤여야 합니다.
setup-dry-run = 시험 실행
setup-dry-run-hint = 이 구간으로 학습하고 최근 2주를 평가합니다. 아무것도 저장되지 않습니다.
setup-try = 시험하기
setup-look-again = 다시 보기
setup-waiting = 요청했습니다. 작업자가 곧 맡습니다. 아무 일도 없으면 다음으로 작업을 시작하세요: normalcy up
setup-ended = 시험 실행이 결과 없이 끝났습니다.
setup-result = { $rows }행({ $hours }시간)으로 { $seconds }초 만에 학습했습니다.
setup-held-out = 따로 둔 정상 행 중 { $share } %가 이상으로 표시됩니다.
setup-course = 최근 데이터의 점수
setup-col-series = 시리즈
setup-col-hours = 학습한 시간
setup-col-threshold = 임계값
setup-col-loss = 손실
setup-col-held-out-flagged = 이상으로 표시된 정상 행
setup-col-recent = 이상으로 표시된 최근 행
setup-col-alarms-then = 알람
setup-alarms-of = { $series }에서 알람이 울렸을 곳
setup-save = 저장
setup-yaml = YAML로 보기
setup-save-it = 감지기 저장
setup-save-changes = 변경 저장
setup-export = YAML로 내려받기
setup-saved = { $name }을(를) 저장했습니다. 모델이 학습되면 평가가 시작됩니다.
setup-changed = { $name }을(를) 바꾸었습니다. 다음 학습에 반영됩니다.
setup-labelled = 구간을 정상 라벨로 남겼습니다.
setup-read-only = 이 감지기는 normalcy.yaml에 있으며 거기에서 바꿉니다. 정의는 한 곳에만 있습니다.
setup-not-yours = 관리자만 바꿀 수 있습니다.
setup-remove = 감지기 삭제
setup-remove-sure = { $name }을(를) 삭제할까요? 더는 평가되지 않지만 라벨, 버전, 결과는 남습니다.
setup-removed = { $name }을(를) 삭제했습니다
setup-removed-stays = 라벨, 버전, 결과는 남아 있습니다. 정의는 다음과 같았습니다.
setup-restore = 되돌리기
setup-restored = { $name }을(를) 되돌렸습니다.

setup-script-no-gaps = 보이는 구간에 빈 곳이 없습니다.
setup-script-gaps = 보이는 구간의 빈 곳: { $count }개, 마지막은 { $from }부터 { $to }까지.
setup-script-waiting = 작업자를 기다리는 중입니다. 아무 일도 없으면 다음으로 작업을 시작하세요: normalcy up
setup-script-running = { $share } %
setup-script-only-series = 유일한 시리즈
setup-script-line = 알람 기준선
setup-script-score = 점수
