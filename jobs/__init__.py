"""The timetable: when work is done, never how."""
