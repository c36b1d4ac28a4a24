# Tables of runs.
runs-started = Started
runs-detector = Detector
runs-job = Job
runs-state = State
runs-took = Took
runs-message = Message
