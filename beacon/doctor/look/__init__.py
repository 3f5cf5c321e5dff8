"""Look facts up; nothing on the machine is changed by it."""
