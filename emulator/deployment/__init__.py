"""Deployment: a constellation as files for docker compose, Docker Swarm and Kubernetes."""
