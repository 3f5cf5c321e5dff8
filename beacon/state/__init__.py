"""What Beacon keeps on disk: states of services, unit files, locks. Every write is atomic."""
