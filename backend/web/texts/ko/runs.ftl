# 실행 목록.
runs-started = 시작
runs-detector = 감지기
runs-job = 작업
runs-state = 상태
runs-took = 걸린 시간
runs-message = 메시지
