# Any Linux >= 5.10 with cgroup v1, v2 or both: found out by trying, at start.
