# 모든 페이지에 공통으로 나오는 글.
shell-skip = 본문으로 건너뛰기
shell-pages = 페이지
shell-overview = 개요
shell-fleet = 설비 전체
shell-work = 작업
shell-alerts = 알림
shell-stored = 저장된 데이터
shell-access = 접근 권한
shell-sign-in = 로그인
shell-sign-out = 로그아웃
shell-settings = 언어와 테마
shell-language = 언어
shell-theme = 테마
shell-theme-system = 시스템 설정에 따름
shell-theme-light = 밝게
shell-theme-dark = 어둡게
shell-apply = 적용
shell-cancel = 취소
shell-confirm = 예, 실행합니다
shell-detector-pages = { $detector } 페이지
shell-detector = 차트
shell-labels = 라벨
shell-sufficiency = 데이터 충분성
shell-models = 모델
shell-threshold = 임계값
shell-edit = 설정
shell-to-overview = 개요로 이동

# 스크립트에서 쓰는 글.
script-unreachable = 서버에 연결할 수 없어 아무것도 바뀌지 않았습니다. 서버가 실행 중인지 확인하세요.
script-answered = 서버가 { $status }(으)로 응답했습니다.
script-signed-out = 로그아웃되었습니다. 입력한 내용은 남아 있습니다. 다른 창에서 로그인한 뒤 다시 시도하세요.
script-cancel = { shell-cancel }
script-confirm = { shell-confirm }
script-loading = 불러오는 중
script-nothing = 이 구간에는 저장된 데이터가 없습니다.
script-chart-help = 화살표 키로 이동하고 + 와 - 로 확대·축소하며 Home 키로 전체를 봅니다.

# 차트 아래.
legend = 차트의 표시
legend-normal = 정상 라벨
legend-anomaly = 이상 라벨
legend-exclude = 제외
legend-event = 감지된 이벤트
