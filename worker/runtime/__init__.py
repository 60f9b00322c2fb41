"""What runs beside the jobs: leases, scheduler, heartbeat, shutdown, supervisor."""
