"""What can be asked of a machine: functions of the machine, a request and a listener. Nothing here prints."""
