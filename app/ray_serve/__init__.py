"""The service on many hosts: a deployment of Ray Serve. Needs the extra `ray`."""
