# 어떤 시리즈가 함께 벗어나는가.
fleet-title = 설비 전체
fleet-about = 거의 같은 때에 시작된 이벤트를 함께 묶어 보여 줍니다. 여러 시리즈에 나타나면 공통 원인이, 하나에만 나타나면 그 설비 자체의 고장이 의심됩니다.
fleet-all = 모든 감지기
fleet-groups = 함께 벗어난 시리즈
fleet-no-series = 아직 평가된 것이 없습니다.
fleet-none = 이 구간에는 이벤트가 없습니다. 벗어난 시리즈가 없습니다.
fleet-since = 시작
fleet-until = 종료
fleet-what = 상황
fleet-channels = 공통 채널
fleet-peak = 최고 점수
fleet-go-on = 이동
fleet-goes-on = 진행 중
fleet-share = { $detector }의 시리즈 { $present }개 중 { $deviating }개
fleet-and = { $first } 및 { $last }
fleet-common = { $counted }가 함께 벗어났습니다. 공통 원인(날씨, 생산, 공급)일 가능성이 큽니다.
fleet-part = { $which }인 시리즈 { $present }개 중 { $deviating }개가 벗어났습니다({ $counted }). { $which }에 공통된 원인일 가능성이 큽니다.
fleet-several = { $counted }가 벗어났고 대부분은 정상입니다. 하나씩 살펴보세요.
fleet-single = { $detector }의 시리즈 { $present }개 중 { $series }만 벗어났습니다. 그 설비나 센서의 문제일 가능성이 큽니다.
fleet-alone = { $detector }의 { $series }만 데이터가 있어 비교할 대상이 없습니다.
fleet-label-all = { $count ->
   *[other] { $count }개 모두 라벨 달기
}
fleet-label-detector = 감지기 전체에 라벨 달기
fleet-kind = 이 구간은
fleet-choose = 선택하세요 …
fleet-kind-normal = 정상
fleet-kind-anomaly = 이상
fleet-kind-exclude = 제외(정비)
fleet-note = 메모
fleet-save = 저장
fleet-labelled = { $count ->
   *[other] 라벨 { $count }개를 저장했습니다. 해당 감지기의 라벨 목록에서 되돌릴 수 있습니다.
}
fleet-left-out = 더 오래된 묶음 { $count }개는 표시하지 않았습니다. 더 짧은 구간을 선택하세요.
fleet-over-time = 시간에 따른 점수
fleet-worst-only = 시리즈 { $total }개 중 가장 나쁜 { $drawn }개를 그렸습니다.
fleet-reading = 한 줄이 한 시리즈이며 함께 벗어난 것끼리 모여 있습니다. 임계값부터 색이 진해집니다. 클릭하면 그 시리즈의 해당 시점을 엽니다.
fleet-picture = 시리즈 { $rows }개의 시간별 점수. 아래 표가 같은 내용을 숫자로 보여 줍니다.
fleet-no-script = 그림에는 스크립트가 필요하지만 표는 그렇지 않습니다.
fleet-in-numbers = 같은 내용을 숫자로
fleet-highest = 최고 점수
fleet-at = 시점
fleet-share-over = 임계값을 넘은 시간

fleet-script-point = { $series }, { $time }: { $score }
fleet-script-score = 점수
